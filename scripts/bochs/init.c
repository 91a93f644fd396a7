/* The first and only process of the emulated machine. It runs /guest with the
   arguments in /arguments and the variables in /environment (each ended by a
   zero byte), carries its output to the serial port, says how it ended, and has
   the machine switched off. Link statically. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { MOST_WORDS = 256, MOST_BYTES = 65536 };

static void say(const char *format, ...)
{
    char line[256];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (length > 0 && write(1, line, (size_t)length) < 0)
        _exit(98);
}

static void switch_off(void)
{
    tcdrain(1);
    sync();
    /* Bochs ends when it reads this word on this port. */
    if (iopl(3) == 0)
        for (const char *letter = "Shutdown"; *letter; letter++)
            outb((unsigned char)*letter, 0x8900);
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

/* The words in a file, behind `first` if that is given; the last entry is NULL. */
static char **words(const char *path, char *first)
{
    static char *empty[] = { NULL };
    char *bytes = calloc(1, MOST_BYTES + 1), **list = calloc(MOST_WORDS + 2, sizeof *list);
    int file = open(path, O_RDONLY);
    if (!bytes || !list || file < 0) {
        say("init: cannot read %s: %s\n", path, strerror(errno));
        return empty;
    }
    ssize_t length = read(file, bytes, MOST_BYTES);
    close(file);
    size_t count = 0;
    if (first)
        list[count++] = first;
    for (char *word = bytes; word < bytes + length && count < MOST_WORDS; word += strlen(word) + 1)
        list[count++] = word;
    return list;
}

int main(void)
{
    mkdir("/dev", 0755);
    mkdir("/proc", 0755);
    mkdir("/tmp", 01777);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    int serial = open("/dev/ttyS0", O_RDWR);
    for (int descriptor = 0; serial >= 0 && descriptor < 3; descriptor++)
        dup2(serial, descriptor);
    say("QASSAY-START\n");

    /* A pipe between them, so that the guest does not believe to be on a terminal. */
    int ends[2];
    if (pipe(ends) != 0) {
        say("init: no pipe: %s\n", strerror(errno));
        switch_off();
    }
    pid_t guest = fork();
    if (guest == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, 0);
        execve("/guest", words("/arguments", "/guest"), words("/environment", NULL));
        say("init: cannot run /guest: %s\n", strerror(errno));
        _exit(2);
    }
    close(ends[1]);
    char bytes[4096];
    ssize_t length;
    while ((length = read(ends[0], bytes, sizeof bytes)) > 0)
        for (ssize_t done = 0, now; done < length; done += now)
            if ((now = write(1, bytes + done, (size_t)(length - done))) <= 0)
                break;
    int status = 0;
    waitpid(guest, &status, 0);
    if (WIFSIGNALED(status))
        say("\nQASSAY-SIGNAL %d\n", WTERMSIG(status));
    else
        say("\nQASSAY-EXIT %d\n", WEXITSTATUS(status));
    switch_off();
}
