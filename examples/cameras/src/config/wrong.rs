//! What is wrong with a file, in words that say where and what to change. Never the line itself: it
//! may hold a password.

use std::fmt;
use std::io;
use std::path::Path;

#[derive(Debug)]
pub struct Wrong {
    /// The file, the line, the camera: as much as is known.
    place: Vec<String>,
    text: String,
}

impl Wrong {
    pub fn new(field: &str, text: &str) -> Self {
        Self {
            place: vec![field.to_owned()],
            text: text.to_owned(),
        }
    }

    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::new(&path.display().to_string(), &error.to_string())
    }

    pub fn of_camera(self, name: &str) -> Self {
        self.within(format!("camera \"{name}\""))
    }

    pub fn of_file(self, path: &Path) -> Self {
        self.within(path.display().to_string())
    }

    fn within(mut self, place: String) -> Self {
        self.place.insert(0, place);
        self
    }

    pub fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..at).unwrap_or_default();
        let mut place = vec![format!("line {}", before.matches('\n').count() + 1)];
        let cameras = before
            .lines()
            .filter(|line| line.trim() == "[[cameras]]")
            .count();
        // The error of a missing field points at the header of its camera, from which on it counts.
        let header = text
            .get(at..)
            .is_some_and(|rest| rest.starts_with("[[cameras]]"));
        if let Some(index) = (cameras + usize::from(header)).checked_sub(1) {
            place.push(match name_of(text, index) {
                Some(name) => format!("camera \"{name}\""),
                None => format!("camera {}", index + 1),
            });
        }
        Self {
            place,
            text: error.message().to_owned(),
        }
    }
}

/// The name of a camera in a file that is TOML, if nothing else.
fn name_of(text: &str, index: usize) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    let camera = table.get("cameras")?.as_array()?.get(index)?;
    camera.get("name")?.as_str().map(str::to_owned)
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place.join(", "), self.text)
    }
}

impl std::error::Error for Wrong {}
