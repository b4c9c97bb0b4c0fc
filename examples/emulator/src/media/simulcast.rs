//! Which simulcast layer is looked at: the best one that comes.

use std::time::{Duration, Instant};

use str0m::media::Rid;

/// The names that LiveKit's clients give to layers, the smallest first.
const LAYER_NAMES: [&str; 3] = ["q", "h", "f"];
/// A layer that was silent for so long was given up by its sender.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a frame's layer means.
#[derive(Debug, PartialEq)]
pub(crate) enum LayerChoice {
    /// The one that is looked at, or the only one.
    Selected,
    /// It is looked at from now on.
    NewlySelected,
    /// Not looked at.
    Ignored,
}

/// The layers of one track.
#[derive(Debug, Default)]
pub(crate) struct SimulcastLayers {
    current: Option<(Rid, Instant)>,
}

impl SimulcastLayers {
    /// A frame of that layer came.
    pub(crate) fn add_frame(&mut self, rid: Option<Rid>, now: Instant) -> LayerChoice {
        let Some(rid) = rid else {
            return LayerChoice::Selected;
        };
        let seen = match self.current {
            None => LayerChoice::NewlySelected,
            Some((current, _)) if current == rid => LayerChoice::Selected,
            Some((current, last)) => {
                if rank(rid) > rank(current)
                    || now.saturating_duration_since(last) > SILENCE_TIMEOUT
                {
                    LayerChoice::NewlySelected
                } else {
                    return LayerChoice::Ignored;
                }
            }
        };
        self.current = Some((rid, now));
        seen
    }

    /// The one that is looked at.
    pub(crate) fn current(&self) -> Option<Rid> {
        self.current.map(|(rid, _)| rid)
    }
}

fn rank(rid: Rid) -> Option<usize> {
    LAYER_NAMES.iter().position(|name| Rid::from(*name) == rid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_layer_wins_until_it_falls_silent() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let rid = |name: &str| Some(Rid::from(name));
        let mut layers = SimulcastLayers::default();
        assert_eq!(
            layers.add_frame(rid("h"), at(0)),
            LayerChoice::NewlySelected
        );
        assert_eq!(layers.add_frame(rid("q"), at(10)), LayerChoice::Ignored);
        assert_eq!(
            layers.add_frame(rid("f"), at(20)),
            LayerChoice::NewlySelected
        );
        assert_eq!(layers.add_frame(rid("h"), at(500)), LayerChoice::Ignored);
        assert_eq!(
            layers.add_frame(rid("h"), at(1_500)),
            LayerChoice::NewlySelected
        );
        assert_eq!(layers.add_frame(rid("h"), at(1_600)), LayerChoice::Selected);
        assert_eq!(layers.current(), rid("h"));
    }

    #[test]
    fn without_layers_there_is_one() {
        let mut layers = SimulcastLayers::default();
        assert_eq!(
            layers.add_frame(None, Instant::now()),
            LayerChoice::Selected
        );
        assert_eq!(layers.current(), None);
    }
}
