//! Panics of kernels, caught and told as a verdict instead of printed.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// `Some` while this thread catches: where the panic happened, once it did.
    static CATCHING: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `body`; a panic inside becomes its message and place.
///
/// # Errors
/// With the message, e.g. `index out of bounds at backends/src/x.rs:7`.
pub fn caught<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let catching = CATCHING.with_borrow_mut(|place| {
                place.as_mut().map(|place| {
                    *place = info
                        .location()
                        .map(|at| format!(" at {at}"))
                        .unwrap_or_default();
                })
            });
            if catching.is_none() {
                previous(info);
            }
        }));
    });
    // What was caught before is put back: catching nests.
    let outer = CATCHING.replace(Some(String::new()));
    let outcome = catch_unwind(AssertUnwindSafe(body));
    let place = CATCHING.replace(outer).unwrap_or_default();
    outcome.map_err(|payload| message(payload.as_ref()) + &place)
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".into());
    // One line: it goes into tables.
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message_and_place() {
        let message = caught(|| panic!("no {}", "luck"))
            .map(|(): ()| ())
            .unwrap_err();
        assert!(
            message.starts_with("no luck at suites/src/panics.rs:"),
            "{message}"
        );
        assert_eq!(caught(|| 3), Ok(3));
    }
}
