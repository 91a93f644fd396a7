//! Frames go through a pipe and come back; what is no frame is told.

use super::*;
use crate::view::{Values, ValuesMut};
use serde_json::{Value, json};

fn framed(message: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, message, Outgoing::default()).unwrap();
    bytes
}

/// A frame as a worker sends it.
fn answered(outputs: &[View<'_>]) -> Incoming {
    let mut tensors = Outgoing::default();
    for (number, view) in outputs.iter().enumerate() {
        tensors.view(format!("0.output.{number}"), view);
    }
    let mut bytes = Vec::new();
    write(&mut bytes, &json!({}), tensors).unwrap();
    read(&mut bytes.as_slice()).unwrap()
}

#[test]
fn gaps_between_rows_are_neither_sent_nor_written() {
    let shape = [2, 3];
    let i8s: Vec<i8> = vec![-1, -2, -3, 99, 4, 5, 6];
    let f64s = vec![0.5, -0.0, f64::INFINITY, 9.0, 9.0, 1e-310, 2.0, 3.0];
    let frame = answered(&[
        View::new(&shape, 4, Values::I8(&i8s)),
        View::new(&shape, 5, Values::F64(&f64s)),
    ]);
    let mut codes = [7i8; 8];
    let mut reals = [7.0f64; 8];
    let mut outputs = [
        ViewMut::new(&shape, 5, ValuesMut::I8(&mut codes)),
        ViewMut::new(&shape, 4, ValuesMut::F64(&mut reals)),
    ];
    frame.outputs(0, &mut outputs).unwrap();
    assert_eq!(codes, [-1, -2, -3, 7, 7, 4, 5, 6]);
    let bits = reals.map(f64::to_bits);
    let right = [0.5, -0.0, f64::INFINITY, 7.0, 1e-310, 2.0, 3.0, 7.0];
    assert_eq!(bits, right.map(f64::to_bits));
}

#[test]
fn a_message_comes_back_and_a_stream_ends() {
    let message = json!({"run": {"cases": [{"kernel": 7}]}});
    let bytes = [framed(&message), framed(&json!({"bye": {}}))].concat();
    let mut stream = bytes.as_slice();
    assert_eq!(
        read(&mut stream).unwrap().message::<Value>().unwrap(),
        message
    );
    assert_eq!(
        read(&mut stream).unwrap().message::<Value>().unwrap(),
        json!({"bye": {}})
    );
    assert!(matches!(read(&mut stream), Err(FrameError::Ended)));
}

#[test]
fn what_is_no_frame_is_told_and_nothing_is_allocated_for_it() {
    let told = |bytes: &[u8]| {
        let frame = read(&mut &bytes[..]);
        let message = frame.and_then(|frame| frame.message::<Value>().map(|_| ()));
        message.unwrap_err().to_string()
    };
    assert!(told(b"Warning: no AVX-512").contains("is \"Warning:\" something printed"));
    assert!(told(&(MOST_BYTES + 1).to_le_bytes()).contains("over the limit"));
    assert!(told(&[0xff; 8]).contains("18446744073709551615"));
    assert!(told(b"abc").contains("\"abc\""));
    let cut = [&500u64.to_le_bytes()[..], b"{}"].concat();
    assert_eq!(told(&cut), "the stream ended 2 bytes into a frame of 500");
    // A header that claims more than the frame holds.
    let lying = [&16u64.to_le_bytes()[..], &u64::MAX.to_le_bytes(), &[0; 8]].concat();
    assert!(
        told(&lying).contains("no frame of the protocol"),
        "{}",
        told(&lying)
    );
    let empty = safetensors::serialize(Vec::<(String, Piece<'_>)>::new(), None).unwrap();
    let silent = [&(empty.len() as u64).to_le_bytes()[..], &empty].concat();
    assert!(told(&silent).contains("no 'qassay' in its metadata"));
}

#[test]
fn outputs_of_another_shape_or_type_are_refused() {
    let i8s = [1i8, 2];
    let frame = answered(&[View::new(&[2], 2, Values::I8(&i8s))]);
    let mut codes = [0u8; 2];
    let error = |view: ViewMut<'_>| frame.outputs(0, &mut [view]).unwrap_err().to_string();
    let other = error(ViewMut::new(&[2], 2, ValuesMut::U8(&mut codes)));
    assert!(
        other.contains("0.output.0 is I8 [2]; right is u8 [2]"),
        "{other}"
    );
    let mut codes = [0i8; 3];
    let longer = error(ViewMut::new(&[3], 3, ValuesMut::I8(&mut codes)));
    assert!(longer.contains("right is s8 [3]"), "{longer}");
    let missing = frame.outputs(1, &mut [ViewMut::new(&[3], 3, ValuesMut::I8(&mut codes))]);
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .contains("no tensor '1.output.0'")
    );
    assert_eq!(codes, [0; 3], "nothing was written");
}
