//! One event to its bytes.

/// Appends one event: its `event:` line where there is a name, one `data:` line for each line of the data, and the blank line.
///
/// Data without a carriage return comes back from [`Decoder`](crate::Decoder) as it was; a carriage return is a line end in the format
/// and cannot be carried, so it becomes a line feed. Line breaks in a name are left out, so a name cannot add a field. JSON contains
/// neither.
pub fn write_event(out: &mut Vec<u8>, name: Option<&str>, data: &[u8]) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend(name.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')));
        out.push(b'\n');
    }
    let mut rest = Some(data);
    while let Some(data) = rest {
        let line;
        (line, rest) = split_line(data);
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// The bytes before the first line end, and those after it if there is one.
fn split_line(data: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some((line, end_and_rest)) =
        memchr::memchr2(b'\r', b'\n', data).and_then(|at| data.split_at_checked(at))
    else {
        return (data, None);
    };
    match end_and_rest {
        [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => (line, Some(rest)),
        [] => (line, None),
    }
}
