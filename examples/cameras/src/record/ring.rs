//! The last seconds of a camera, as they came. Begins at a key frame, always.

use std::collections::VecDeque;

/// One access unit.
#[derive(Clone, Debug)]
pub struct Frame {
    /// With times that are running times.
    pub buffer: gst::Buffer,
    pub time: gst::ClockTime,
}

impl Frame {
    pub fn is_key(&self) -> bool {
        !self.buffer.flags().contains(gst::BufferFlags::DELTA_UNIT)
    }
}

/// Bounded by time and by bytes, whichever is less.
#[derive(Debug)]
pub struct Ring {
    length: gst::ClockTime,
    most_bytes: usize,
    bytes: usize,
    frames: VecDeque<Frame>,
}

impl Ring {
    pub fn new(length: gst::ClockTime, most_bytes: usize) -> Self {
        Self {
            length,
            most_bytes,
            bytes: 0,
            frames: VecDeque::new(),
        }
    }

    pub fn push(&mut self, frame: Frame) {
        if self.frames.is_empty() && !frame.is_key() {
            return;
        }
        let newest = frame.time;
        self.bytes += frame.buffer.size();
        self.frames.push_back(frame);
        while let Some(next) = self.second_key() {
            let covered = newest.saturating_sub(self.frames[next].time) >= self.length;
            if !covered && self.bytes <= self.most_bytes {
                break;
            }
            self.drop_front(next);
        }
        // Not even what there is since the last key frame: the next one begins anew.
        if self.bytes > self.most_bytes {
            self.clear();
        }
    }

    pub fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }

    /// From the last key frame before a time on, or the first one that there is.
    pub fn since(&self, time: gst::ClockTime) -> Vec<Frame> {
        let first = self
            .frames
            .iter()
            .rposition(|frame| frame.is_key() && frame.time <= time)
            .unwrap_or(0);
        self.frames.range(first..).cloned().collect()
    }

    fn second_key(&self) -> Option<usize> {
        let mut later = self.frames.iter().enumerate().skip(1);
        later.find_map(|(index, frame)| frame.is_key().then_some(index))
    }

    fn drop_front(&mut self, count: usize) {
        let gone = self.frames.drain(..count);
        self.bytes -= gone.map(|frame| frame.buffer.size()).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 100 bytes each, ten a second, a key frame each second, but for those that are left out.
    fn filled(ring: &mut Ring, frames: std::ops::Range<u64>) {
        gst::init().expect("GStreamer starts");
        for number in frames {
            let mut buffer = gst::Buffer::with_size(100).expect("memory");
            if !number.is_multiple_of(10) {
                let buffer = buffer.get_mut().expect("it is ours");
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
            let time = gst::ClockTime::from_mseconds(number * 100);
            ring.push(Frame { buffer, time });
        }
    }

    fn seconds(frames: &[Frame]) -> (f64, f64) {
        let second = |frame: Option<&Frame>| frame.expect("a frame").time.seconds_f64();
        (second(frames.first()), second(frames.last()))
    }

    #[test]
    fn it_has_the_seconds_and_begins_at_a_key_frame() {
        let mut ring = Ring::new(gst::ClockTime::from_seconds(3), usize::MAX);
        filled(&mut ring, 0..55);
        let all = ring.since(gst::ClockTime::ZERO);
        assert_eq!(seconds(&all), (2.0, 5.4));
        assert!(all[0].is_key());
        assert_eq!(
            seconds(&ring.since(gst::ClockTime::from_mseconds(3900))),
            (3.0, 5.4)
        );
        assert_eq!(
            seconds(&ring.since(gst::ClockTime::from_seconds(4))),
            (4.0, 5.4)
        );
    }

    #[test]
    fn bytes_bound_it_too() {
        let mut ring = Ring::new(gst::ClockTime::from_seconds(3), 1500);
        filled(&mut ring, 0..55);
        assert_eq!(seconds(&ring.since(gst::ClockTime::ZERO)), (4.0, 5.4));
        // More than that from one key frame to the next: nothing is kept until there is one.
        let mut ring = Ring::new(gst::ClockTime::from_seconds(3), 500);
        filled(&mut ring, 0..8);
        assert!(ring.since(gst::ClockTime::ZERO).is_empty());
        filled(&mut ring, 8..13);
        assert_eq!(seconds(&ring.since(gst::ClockTime::ZERO)), (1.0, 1.2));
    }
}
