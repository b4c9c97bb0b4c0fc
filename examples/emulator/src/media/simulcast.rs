// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Chooses the simulcast layer to decode: the best one that arrives.

use std::time::{Duration, Instant};

use str0m::media::Rid;

/// The layer names of LiveKit's clients, the smallest layer first.
const LAYER_NAMES: [&str; 3] = ["q", "h", "f"];
/// If the selected layer is silent for longer than this, its sender has stopped it.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(1);

/// What to do with a frame, by its layer.
#[derive(Debug, PartialEq)]
pub(crate) enum LayerChoice {
    /// The frame is of the selected layer, or the track has no layers.
    Selected,
    /// The frame is of a layer that is selected from now on.
    NewlySelected,
    /// The frame is of another layer.
    Ignored,
}

/// The layers of one track.
#[derive(Debug, Default)]
pub(crate) struct SimulcastLayers {
    current: Option<(Rid, Instant)>,
}

impl SimulcastLayers {
    /// Chooses for a frame with this layer id.
    pub(crate) fn add_frame(&mut self, rid: Option<Rid>, now: Instant) -> LayerChoice {
        let Some(rid) = rid else {
            return LayerChoice::Selected;
        };
        let choice = match self.current {
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
        choice
    }

    /// The selected layer.
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
    fn the_best_layer_is_selected_until_it_is_silent() {
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
    fn a_track_without_layers_is_selected() {
        let mut layers = SimulcastLayers::default();
        assert_eq!(
            layers.add_frame(None, Instant::now()),
            LayerChoice::Selected
        );
        assert_eq!(layers.current(), None);
    }
}
