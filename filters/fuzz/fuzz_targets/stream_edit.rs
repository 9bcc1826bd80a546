//! The editor of streams in the client's own dialect: the same output under every chunking, of a bounded size, and nothing left to do for
//! a second editor.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_api::Dialect;
use translate::{Edit, End, StreamEdit, rename_response};

const MODEL: &str = "gpt-4";

/// More than the error that may be appended.
const ERROR: usize = 256;

fuzz_target!(|data: &[u8]| {
    for dialect in Dialect::ALL {
        let whole = edit(dialect, &[data]);
        let single: Vec<&[u8]> = data.chunks(1).collect();
        assert_eq!(edit(dialect, &single), whole);
        assert_eq!(edit(dialect, &fuzz::chunks(data)), whole);

        let (client, end) = whole;
        let keys = data.windows(7).filter(|key| key == b"\"model\"").count();
        assert!(client.len() <= data.len() + keys * (MODEL.len() + 2) + ERROR);
        assert_eq!(edit(dialect, &[&client]), (client, end), "the edited stream needs no edit");

        if let Some(renamed) = rename_response(dialect, data, MODEL) {
            assert_eq!(
                rename_response(dialect, &renamed, MODEL),
                None,
                "the renamed answer needs no new name"
            );
        }
    }
});

fn edit(dialect: Dialect, chunks: &[&[u8]]) -> (Vec<u8>, End) {
    let mut edit = StreamEdit::new(dialect, MODEL.to_owned());
    let mut client = Vec::new();
    for chunk in chunks {
        let before = client.len();
        if edit.push(chunk, &mut client) == Edit::Unchanged {
            assert_eq!(client.len(), before);
            client.extend_from_slice(chunk);
        }
    }
    let end = edit.finish(&mut client);
    (client, end)
}
