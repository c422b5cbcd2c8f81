//! Forms with files, as browsers send them. What a file holds is made once for
//! the run and never copied.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::parts::Parts;
use crate::scenario::{Fill, Upload};

/// The bytes that all files of a run are cut from.
pub(crate) struct Contents(Bytes);

impl Contents {
    /// As many bytes as the largest file has.
    pub(crate) fn new(largest: usize, seed: u64) -> Self {
        let mut bytes = vec![0; largest];
        StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
        Self(bytes.into())
    }

    fn of(&self, length: usize) -> Bytes {
        self.0.slice(..length.min(self.0.len()))
    }
}

/// A form's body, and its content type.
///
/// # Errors
/// The name of a value that is not there.
pub(crate) fn form(
    upload: &Upload,
    contents: &Contents,
    from: &mut Fill<'_>,
) -> Result<(Parts, String), String> {
    // Random bytes do not hold it by chance.
    let boundary = format!(
        "loadtest-{:016x}{:016x}",
        from.random.next_u64(),
        from.random.next_u64()
    );
    let mut body = Parts::default();
    for (name, value) in &upload.fields {
        let value = value.fill(from)?;
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"\r\n\r\n",
            quoted(name)
        );
        body.add(format!("{head}{value}\r\n"));
    }
    for file in &upload.files {
        let name = file.name.fill(from)?;
        body.add(format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"; filename=\"{}\"\r\ncontent-type: {}\r\n\r\n",
            quoted(&file.field),
            quoted(&name),
            file.content_type,
        ));
        body.add(contents.of(file.bytes));
        body.add("\r\n");
    }
    body.add(format!("--{boundary}--\r\n"));
    Ok((body, format!("multipart/form-data; boundary={boundary}")))
}

/// As browsers quote names: RFC 7578 and the WHATWG's form encoding.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
