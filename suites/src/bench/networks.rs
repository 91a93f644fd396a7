//! Layers of networks as lists of shapes: convolutions and products with
//! weights. Equal shapes are one layer that runs several times. Additions, pools
//! and attention's own products are not in these lists.

use super::sets::{Layer, convolution, product};

/// Puts equal shapes together, the first one's name in front.
fn distinct(layers: Vec<Layer>) -> Vec<Layer> {
    let mut distinct: Vec<Layer> = Vec::new();
    for layer in layers {
        match distinct.iter_mut().find(|known| known.id == layer.id) {
            Some(known) => known.times += layer.times,
            None => distinct.push(layer),
        }
    }
    distinct
}

/// A convolution of one image: square sizes, padding that keeps the size.
fn square(
    name: String,
    size: usize,
    [channels, out]: [usize; 2],
    kernel: usize,
    stride: usize,
    groups: usize,
) -> Layer {
    let mut shape = format!("b1.i{size}x{size}.c{channels}.o{out}.k{kernel}x{kernel}");
    for (letter, value, default) in [("s", stride, 1), ("p", kernel / 2, 0), ("g", groups, 1)] {
        if value != default {
            shape += &format!(".{letter}{value}");
        }
    }
    convolution(name, &shape)
}

/// ResNet-50 (He et al. 2015, table 1) with the stride in the 3×3 convolution, as torchvision's.
pub(super) fn resnet50() -> Vec<Layer> {
    let mut layers = vec![square("conv1".into(), 224, [3, 64], 7, 2, 1)];
    let (mut size, mut channels) = (56, 64);
    for (stage, (blocks, width)) in [(3, 64), (4, 128), (6, 256), (3, 512)]
        .into_iter()
        .enumerate()
    {
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = |part: &str| format!("layer{}.{block}.{part}", stage + 1);
            layers.push(square(name("conv1"), size, [channels, width], 1, 1, 1));
            layers.push(square(name("conv2"), size, [width, width], 3, stride, 1));
            let out = size / stride;
            layers.push(square(name("conv3"), out, [width, 4 * width], 1, 1, 1));
            if block == 0 {
                let shortcut = [channels, 4 * width];
                layers.push(square(name("downsample"), size, shortcut, 1, stride, 1));
            }
            (size, channels) = (out, 4 * width);
        }
    }
    layers.push(named("fc", product(1, 1000, 2048)));
    distinct(layers)
}

/// MobileNetV2 (Sandler et al. 2018, table 2).
pub(super) fn mobilenetv2() -> Vec<Layer> {
    let mut layers = vec![square("features.0".into(), 224, [3, 32], 3, 2, 1)];
    let (mut size, mut channels, mut index) = (112, 32, 1);
    for (expansion, out, blocks, first_stride) in [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ] {
        for block in 0..blocks {
            let stride = if block == 0 { first_stride } else { 1 };
            let wide = expansion * channels;
            let name = |part: &str| format!("features.{index}.{part}");
            if expansion > 1 {
                layers.push(square(name("expand"), size, [channels, wide], 1, 1, 1));
            }
            layers.push(square(
                name("depthwise"),
                size,
                [wide, wide],
                3,
                stride,
                wide,
            ));
            size /= stride;
            layers.push(square(name("project"), size, [wide, out], 1, 1, 1));
            channels = out;
            index += 1;
        }
    }
    layers.push(square(
        "features.18".into(),
        size,
        [channels, 1280],
        1,
        1,
        1,
    ));
    layers.push(named("classifier", product(1, 1000, 1280)));
    distinct(layers)
}

/// all-MiniLM-L6: 6 layers, 384 wide, 1536 in the middle, on 128 tokens.
pub(super) fn minilm() -> Vec<Layer> {
    const TOKENS: usize = 128;
    let mut layers = Vec::new();
    for layer in 0..6 {
        for part in ["query", "key", "value", "attention.output"] {
            layers.push(named(&format!("{layer}.{part}"), product(TOKENS, 384, 384)));
        }
        layers.push(named(
            &format!("{layer}.intermediate"),
            product(TOKENS, 1536, 384),
        ));
        layers.push(named(
            &format!("{layer}.output"),
            product(TOKENS, 384, 1536),
        ));
    }
    distinct(layers)
}

fn named(name: &str, layer: Layer) -> Layer {
    Layer {
        name: name.to_owned(),
        ..layer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::count::{Work, work};

    /// Layers, and billions of multiply-accumulates in all.
    fn sizes(layers: &[Layer]) -> (u64, f64) {
        let macs = layers.iter().map(|layer| {
            let id = format!("{}/uniform/seed0", layer.id).parse().unwrap();
            match work(&Case::from_id(&id).unwrap().problem().op) {
                Work::MultiplyAccumulates(macs) => macs * layer.times,
                Work::Elements(_) => panic!("{}", layer.id),
            }
        });
        let macs: u64 = macs.sum();
        (layers.iter().map(|l| l.times).sum(), macs as f64 / 1e9)
    }

    #[test]
    fn networks_have_the_layers_and_products_of_their_papers() {
        // torchvision gives 4.09, 0.30 billion; MiniLM's products with weights by hand.
        let (layers, macs) = sizes(&resnet50());
        assert_eq!(layers, 54);
        assert!((4.08..4.10).contains(&macs), "{macs}");
        let (layers, macs) = sizes(&mobilenetv2());
        assert_eq!(layers, 53);
        assert!((0.299..0.302).contains(&macs), "{macs}");
        let (layers, macs) = sizes(&minilm());
        assert_eq!(layers, 36);
        let by_hand = 128.0 * 6.0 * (4.0 * 384.0 * 384.0 + 2.0 * 384.0 * 1536.0) / 1e9;
        assert!((macs - by_hand).abs() < 1e-9, "{macs}");
    }

    #[test]
    fn equal_shapes_are_one_layer() {
        let minilm = minilm();
        assert_eq!(minilm.len(), 3);
        assert_eq!((minilm[0].name.as_str(), minilm[0].times), ("0.query", 24));
    }
}
