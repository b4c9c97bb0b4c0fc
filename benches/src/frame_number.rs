// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Draws the number of a frame into its picture, and reads it, so that it survives encoding. The number is a row of
//! black and white blocks along the upper edge of the luma plane, the lowest bit first.

/// The side of a block. It is a macroblock, so blocks do not affect each other.
const BLOCK_PIXELS: usize = 16;
/// Enough for 36 minutes at 30 frames per second. As many bits again are a check.
const NUMBER_BITS: usize = 16;

/// Draws `number` and its complement, which is the check.
pub fn draw(luma: &mut [u8], stride: usize, number: u16) {
    for bit in 0..2 * NUMBER_BITS {
        let set = with_complement(number) >> bit & 1 == 1;
        for row in luma.chunks_mut(stride).take(BLOCK_PIXELS) {
            row[bit * BLOCK_PIXELS..(bit + 1) * BLOCK_PIXELS].fill(if set { 235 } else { 16 });
        }
    }
}

/// Reads the number from the middle of each block. `None` if the check fails.
pub fn read(luma: &[u8], stride: usize, width: usize) -> Option<u16> {
    // A picture that was scaled down cannot be read. These benchmarks do not scale.
    if width < 2 * NUMBER_BITS * BLOCK_PIXELS {
        return None;
    }
    let row = luma.get(stride * BLOCK_PIXELS / 2..)?;
    let mut bits = 0u32;
    for bit in 0..2 * NUMBER_BITS {
        bits |= u32::from(*row.get(bit * BLOCK_PIXELS + BLOCK_PIXELS / 2)? > 125) << bit;
    }
    let number = bits as u16;
    (with_complement(number) == bits).then_some(number)
}

fn with_complement(number: u16) -> u32 {
    u32::from(number) | u32::from(!number) << NUMBER_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_number_is_read() {
        let (width, stride) = (1280, 1344);
        let mut luma = vec![128; stride * 32];
        assert_eq!(read(&luma, stride, width), None, "there is no number");
        for number in [0, 1, 719, u16::MAX] {
            draw(&mut luma, stride, number);
            assert_eq!(read(&luma, stride, width), Some(number));
        }
        luma[stride * BLOCK_PIXELS / 2 + BLOCK_PIXELS / 2] ^= 0xff;
        assert_eq!(read(&luma, stride, width), None, "a spoilt block");
        assert_eq!(read(&luma, stride, 320), None, "too narrow");
        assert_eq!(read(&[], stride, width), None);
    }
}
