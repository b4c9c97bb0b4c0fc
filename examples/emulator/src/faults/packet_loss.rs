// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A bad network on purpose: packets that are lost on their way to the emulator.

use std::time::Instant;

/// The packet loss of one peer.
pub(crate) struct PacketLoss {
    /// Every n-th packet is lost; 0: none.
    every: u32,
    /// How many RTP packets pass until the next one is lost.
    until_loss: u32,
    /// The bandwidth of the link, in bit/s; 0: unlimited.
    bandwidth: f64,
    /// Bits that are queued, as of `waiting_since`.
    waiting: f64,
    waiting_since: Instant,
}

impl PacketLoss {
    pub(crate) fn new(every: u32, bandwidth: u32) -> Self {
        PacketLoss {
            every,
            until_loss: every,
            bandwidth: f64::from(bandwidth),
            waiting: 0.0,
            waiting_since: Instant::now(),
        }
    }

    /// Whether an RTP packet of that length is lost.
    pub(crate) fn drops(&mut self, length: usize, now: Instant) -> bool {
        self.until_loss = self.until_loss.saturating_sub(1);
        let mut lost = self.every > 0 && self.until_loss == 0;
        if lost {
            self.until_loss = self.every;
        }
        if self.bandwidth > 0.0 {
            // A leaky bucket, which holds at most what the link carries in 100 ms.
            let passed = now.saturating_duration_since(self.waiting_since);
            self.waiting = (self.waiting - passed.as_secs_f64() * self.bandwidth).max(0.0);
            self.waiting_since = now;
            let bits = length as f64 * 8.0;
            if self.waiting + bits > self.bandwidth / 10.0 {
                lost = true;
            } else {
                self.waiting += bits;
            }
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn packets_are_dropped_by_count_and_by_bandwidth() {
        let now = Instant::now();
        let mut every_third = PacketLoss::new(3, 0);
        let lost: Vec<bool> = (0..6).map(|_| every_third.drops(100, now)).collect();
        assert_eq!(lost, [false, false, true, false, false, true]);
        let mut narrow = PacketLoss::new(0, 80_000);
        // 100 ms of 80 kbit/s are 1000 bytes.
        assert!(!narrow.drops(900, now) && narrow.drops(200, now));
        assert!(!narrow.drops(200, now + Duration::from_millis(50)));
    }
}
