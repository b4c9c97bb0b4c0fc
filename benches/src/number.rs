//! The number of a frame, drawn into its picture so that it outlives encoding: a row of black and
//! white blocks along the upper edge of the luma plane, the lowest bit first.

/// Side of a block, in pixels; a macroblock, so that blocks do not bleed into each other.
const BLOCK: usize = 16;
/// Twenty minutes at 30/s, and a check.
const BITS: usize = 16;

/// Draws `number` and its complement.
pub fn draw(luma: &mut [u8], stride: usize, number: u16) {
    for bit in 0..2 * BITS {
        let set = value(number) >> bit & 1 == 1;
        for row in luma.chunks_mut(stride).take(BLOCK) {
            row[bit * BLOCK..(bit + 1) * BLOCK].fill(if set { 235 } else { 16 });
        }
    }
}

/// Reads it, from the middle of each block; none where the check fails.
pub fn read(luma: &[u8], stride: usize, width: usize) -> Option<u16> {
    // The picture may have been scaled down from 1280 or 1920 pixels; it is not in these benchmarks.
    if width < 2 * BITS * BLOCK {
        return None;
    }
    let row = luma.get(stride * BLOCK / 2..)?;
    let mut bits = 0u32;
    for bit in 0..2 * BITS {
        bits |= u32::from(*row.get(bit * BLOCK + BLOCK / 2)? > 125) << bit;
    }
    let number = bits as u16;
    (value(number) == bits).then_some(number)
}

fn value(number: u16) -> u32 {
    u32::from(number) | u32::from(!number) << BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_read() {
        let (width, stride) = (1280, 1344);
        let mut luma = vec![128; stride * 32];
        assert_eq!(read(&luma, stride, width), None, "there is no number");
        for number in [0, 1, 719, u16::MAX] {
            draw(&mut luma, stride, number);
            assert_eq!(read(&luma, stride, width), Some(number));
        }
        luma[stride * BLOCK / 2 + BLOCK / 2] ^= 0xff;
        assert_eq!(read(&luma, stride, width), None, "a spoilt block");
        assert_eq!(read(&luma, stride, 320), None, "too narrow");
        assert_eq!(read(&[], stride, width), None);
    }
}
