// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Pictures for a question, as `data:` URLs: reference pictures from files, and the newest frame.

use std::io::Read;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A picture of this size is larger than any model looks at.
const MAX_PICTURE_BYTES: u64 = 8 << 20;
const MAX_PICTURES: usize = 8;

/// How the files of each type begin.
const TYPES: [(&str, &[u8]); 4] = [
    ("image/jpeg", &[0xff, 0xd8, 0xff]),
    ("image/png", b"\x89PNG\r\n\x1a\n"),
    ("image/gif", b"GIF8"),
    ("image/webp", b"RIFF"),
];

/// Reads these files.
///
/// # Errors
/// Why one cannot be used.
pub fn read(paths: &[String]) -> Result<Vec<Arc<str>>, String> {
    if paths.len() > MAX_PICTURES {
        return Err(format!("names more than {MAX_PICTURES} pictures."));
    }
    paths.iter().map(|path| read_one(path)).collect()
}

/// How long the conversion of a frame may take.
const CONVERSION_TIMEOUT: gst::ClockTime = gst::ClockTime::from_seconds(2);

/// A frame as a JPEG in its own size; `None` if that is not possible. It waits for the conversion.
pub fn of_frame(frame: &gst::Sample) -> Option<String> {
    const JPEG: &str = "image/jpeg";
    let is_jpeg = frame.caps()?.structure(0)?.name() == JPEG;
    let jpeg = match is_jpeg {
        true => frame.buffer_owned()?,
        false => {
            let caps = gst::Caps::new_empty_simple(JPEG);
            let timeout = Some(CONVERSION_TIMEOUT);
            let converted = gst_video::convert_sample(frame, &caps, timeout);
            converted.ok()?.buffer_owned()?
        }
    };
    let data = jpeg.map_readable().ok()?;
    let is_small = data.len() as u64 <= MAX_PICTURE_BYTES;
    is_small.then(|| format!("data:{JPEG};base64,{}", STANDARD.encode(&*data)))
}

fn read_one(path: &str) -> Result<Arc<str>, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("cannot use the picture {path:?}: {why}.");
    let metadata = std::fs::metadata(path).map_err(|error| wrong(&error))?;
    // A pipe or a device could keep the caller waiting for ever.
    if !metadata.is_file() {
        return Err(wrong(&"it is not a file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| wrong(&error))?;
    let mut limited = file.take(MAX_PICTURE_BYTES + 1);
    limited
        .read_to_end(&mut bytes)
        .map_err(|error| wrong(&error))?;
    if bytes.len() as u64 > MAX_PICTURE_BYTES {
        return Err(wrong(&"it is larger than 8 MiB"));
    }
    let found = TYPES.iter().find(|(_, head)| bytes.starts_with(head));
    let (mime, _) = found.ok_or_else(|| wrong(&"it is not a JPEG, PNG, GIF or WebP picture"))?;
    Ok(format!("data:{mime};base64,{}", STANDARD.encode(bytes)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_are_read() {
        let folder =
            std::env::temp_dir().join(format!("overshoot-pictures-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).expect("a file can be written");
            path.to_str().expect("UTF-8").to_owned()
        };
        let png = file("a.png", b"\x89PNG\r\n\x1a\nrest");
        let read_png = read(std::slice::from_ref(&png)).expect("a picture");
        let [url] = &read_png[..] else {
            panic!("{read_png:?}")
        };
        assert_eq!(&**url, "data:image/png;base64,iVBORw0KGgpyZXN0");
        let large = vec![0xff; MAX_PICTURE_BYTES as usize + 1];
        for (paths, why) in [
            (vec![file("b.png", b"text")], "not a JPEG, PNG"),
            (vec![file("c.jpg", &large)], "larger than 8 MiB"),
            (vec!["/dev/zero".to_owned()], "not a file"),
            (vec!["/none".to_owned()], "No such file"),
            (vec![png; MAX_PICTURES + 1], "more than 8"),
        ] {
            let error = read(&paths).expect_err(why);
            assert!(error.contains(why), "{error} should say {why}");
        }
        std::fs::remove_dir_all(folder).expect("the folder exists");
    }
}
