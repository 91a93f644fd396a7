//! A backend's name where a path leaves no room: a plugin or a program by its file.

/// `plugin:FOLDERS/FILE` and `exec:FOLDERS/FILE ARGUMENTS` without the folders; any other as it is.
pub(crate) fn short(backend: &str) -> String {
    let Some((kind @ ("plugin" | "exec"), command)) = backend.split_once(':') else {
        return backend.to_owned();
    };
    let (path, arguments) = match command.split_once(' ') {
        Some((path, arguments)) if kind == "exec" => (path, Some(arguments)),
        _ => (command, None),
    };
    let file = path.rsplit('/').next().unwrap_or(path);
    match arguments {
        Some(arguments) => format!("{kind}:{file} {arguments}"),
        None => format!("{kind}:{file}"),
    }
}

/// The whole name, where [`short`] leaves some of it out.
pub(crate) fn whole(backend: &str) -> Option<&str> {
    (short(backend) != backend).then_some(backend)
}

#[cfg(test)]
mod tests {
    use super::{short, whole};

    #[test]
    fn folders_are_left_out_and_nothing_else() {
        for (name, expected) in [
            ("fbgemm/avx2-exact", "fbgemm/avx2-exact"),
            ("plugin:a/b/libx.so", "plugin:libx.so"),
            ("plugin:a b/lib x.so", "plugin:lib x.so"),
            ("exec:./engine.py pytorch a/b", "exec:engine.py pytorch a/b"),
            ("exec:engine", "exec:engine"),
        ] {
            assert_eq!(short(name), expected);
            assert_eq!(whole(name).is_some(), name != expected);
        }
    }
}
