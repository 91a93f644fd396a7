//! Sums of a whole f32 tensor as PyTorch adds them on an x86 CPU, and the means and deviations
//! that follow. Source: PyTorch aten/src/ATen/native/cpu/SumKernel.cpp (vectorized_inner_sum,
//! scalar_outer_sum, row_sum, multi_row_sum), ReduceOps.cpp (mean, std_var_all_cpu).
//!
//! Eight lanes (AVX2; PyTorch has no wider kernel of it) times four rows are summed at once;
//! each of these sums cascades through four levels, so that long sums lose fewer bits.

/// f32 lanes of a vector.
const LANES: usize = 8;
/// Vectors that are summed beside each other.
const ROWS: usize = 4;
/// Levels of a cascade.
const LEVELS: usize = 4;
/// Above this many values PyTorch splits a sum among threads, as many as there happen to be.
pub(crate) const MOST: usize = 32_768;

/// The sum of contiguous values.
pub(crate) fn sum(values: &[f32]) -> f32 {
    if values.len() < LANES {
        let lone: Vec<[f32; 1]> = values.iter().map(|&x| [x]).collect();
        return row_sum(&lone)[0];
    }
    let (vectors, rest) = values.as_chunks::<LANES>();
    let lanes = row_sum(vectors);
    rest.iter().chain(&lanes).fold(0.0, |sum, &x| sum + x)
}

/// sum ⊘ count, in f32.
pub(crate) fn mean(values: &[f32]) -> f32 {
    sum(values) / values.len() as f32
}

/// The standard deviation: squared distances from the f32 mean, summed in f64 in order, over one
/// less than the count; NaN of a single value.
pub(crate) fn deviation(values: &[f32]) -> f32 {
    let mean = f64::from(mean(values));
    let squares = values.iter().fold(0.0, |sum, &x| {
        let distance = f64::from(x) - mean;
        sum + distance * distance
    });
    (squares / (values.len() as f64 - 1.0)).sqrt() as f32
}

fn add<const N: usize>(sum: &mut [f32; N], more: [f32; N]) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}

/// The lanewise sum: four interleaved rows, what is left over into the first of them.
fn row_sum<const N: usize>(vectors: &[[f32; N]]) -> [f32; N] {
    let (groups, rest) = vectors.as_chunks::<ROWS>();
    let mut rows = cascade(groups);
    for &vector in rest {
        add(&mut rows[0], vector);
    }
    let [mut first, others @ ..] = rows;
    for row in others {
        add(&mut first, row);
    }
    first
}

/// The sums of each of the rows. A level is emptied into the next after 2^power steps.
fn cascade<const N: usize>(groups: &[[[f32; N]; ROWS]]) -> [[f32; N]; ROWS] {
    let power = (ceil_log2(groups.len()) / LEVELS as u32).max(4);
    let step = 1usize << power;
    let mut levels = [[[0.0; N]; ROWS]; LEVELS];
    let whole = groups.len() / step * step;
    for (index, group) in groups.iter().enumerate() {
        for (sum, &vector) in levels[0].iter_mut().zip(group) {
            add(sum, vector);
        }
        let done = index + 1;
        if done > whole || done % step != 0 {
            continue;
        }
        for level in 1..LEVELS {
            let below = std::mem::replace(&mut levels[level - 1], [[0.0; N]; ROWS]);
            for (sum, vector) in levels[level].iter_mut().zip(below) {
                add(sum, vector);
            }
            if done & ((step - 1) << (level as u32 * power)) != 0 {
                break;
            }
        }
    }
    let [mut lowest, higher @ ..] = levels;
    for level in higher {
        for (sum, vector) in lowest.iter_mut().zip(level) {
            add(sum, vector);
        }
    }
    lowest
}

/// The least power of two that is not less, as an exponent; 0 of 0 and 1.
fn ceil_log2(value: usize) -> u32 {
    value.next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2^24, to which 1 adds nothing.
    const LARGE: f32 = 16_777_216.0;

    #[test]
    fn few_values_are_four_rows() {
        assert_eq!(sum(&[]), 0.0);
        // The fifth value joins the first: 2^24 + 1 stays; the rows are added after it.
        assert_eq!(sum(&[LARGE, 1.0, 1.0, 0.0, 1.0]), LARGE);
        assert_eq!(sum(&[1.0, 1.0, LARGE, 0.0, 1.0]), LARGE + 4.0);
    }

    #[test]
    fn the_rest_of_whole_vectors_comes_before_their_lanes() {
        let mut values = [0.0f32; 10];
        (values[0], values[1], values[8], values[9]) = (LARGE, 1.0, 1.0, 1.0);
        // 1 + 1, then 2^24 + 2; one more is a tie, which goes to the even 2^24 + 4.
        assert_eq!(sum(&values), LARGE + 4.0);
    }

    #[test]
    fn a_level_is_emptied_after_sixteen_steps() {
        // Row 0 of lane 0: 2^24 first, then ones, of which 15 vanish beside it. The other
        // 16 steps' ones are summed apart.
        let mut values = vec![0.0f32; 32 * 32];
        for step in 0..32 {
            values[step * 32] = 1.0;
        }
        values[0] = LARGE;
        assert_eq!(sum(&values), LARGE + 16.0);
    }

    #[test]
    fn deviations_are_of_a_sample() {
        assert_eq!(deviation(&[1.0, 3.0]), std::f32::consts::SQRT_2);
        assert!(deviation(&[1.0]).is_nan());
        assert_eq!(mean(&[1.0, 2.0, 6.0]), 3.0);
    }
}
