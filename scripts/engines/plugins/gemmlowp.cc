// gemmlowp's product of u8 by u8 as a Qassay plugin, with its fixed-point output stages.
//
// scripts/engines/setup.sh gemmlowp builds it on Debian's libgemmlowp-dev, headers only.
// Codes of s8 are moved by 128, zero points with them: weights when they are prepared,
// activations and outputs at each run. gemmlowp packs weights at each run, too: it has no
// other way.
#include <gemmlowp/public/gemmlowp.h>

#include <cmath>
#include <cstdint>
#include <tuple>
#include <vector>

#include "dense.h"

namespace {

using gemmlowp::MapOrder;
using gemmlowp::VectorShape;
using Row = gemmlowp::VectorMap<const std::int32_t, VectorShape::Row>;
using Scale = gemmlowp::OutputStageScaleInt32ByFixedPointAndExponent;
#if !defined(GEMMLOWP_SSE4)  // there its evaluation does not compile
using Scales = gemmlowp::OutputStageScaleInt32ByFixedPointAndExponentPC<VectorShape::Row>;
#endif

constexpr std::uint8_t kFlip = 0x80;
// The kernels load whole registers of multipliers, exponents and biases.
constexpr std::size_t kBehind = 64;

std::int64_t alive = 0;

gemmlowp::GemmContext& context() {
  static gemmlowp::GemmContext one;
  one.set_max_num_threads(1);
  return one;
}

struct Kernel {
  qassay_linear spec;  // its pointers are gone when it runs
  bool flip_in, flip_out, biased, one_scale;
  int zero_in, zero_weights, zero_out, low, high;
  std::vector<std::uint8_t> weights, in;
  std::vector<char> out;
  std::vector<std::int32_t> bias, multipliers, exponents;
  const char* chosen;
};

// A multiplier as 31 bits and a power of two; one below 2^-32 is 0.
void split(double multiplier, std::int32_t* bits, std::int32_t* exponent) {
  int power = 0;
  std::int64_t rounded = std::llround(std::frexp(multiplier, &power) * 2147483648.0);
  if (rounded == std::int64_t{1} << 31) {
    rounded /= 2;
    ++power;
  }
  if (power < -31) rounded = power = 0;
  *bits = static_cast<std::int32_t>(rounded);
  *exponent = power;
}

const char* refused(const qassay_op* op, const qassay_linear& s) {
  const auto codes = [](std::int32_t type) { return type == QASSAY_U8 || type == QASSAY_S8; };
  if (op->op != QASSAY_LINEAR) return "no such op";
  if (s.activation_kind != QASSAY_ACTIVATION_QUANTIZED || !codes(s.activation.dtype)) return "activations that are not of 8 bits";
  if (s.output_kind == QASSAY_OUTPUT_FLOAT) return "products to f32";
  if (s.output_kind == QASSAY_OUTPUT_SUMS && op->bias) return "sums with a bias";
  if (s.output_kind == QASSAY_OUTPUT_QUANTIZED && !codes(s.output.dtype)) return "outputs that are not of 8 bits";
  for (std::int64_t i = 1; i < s.weights.count; i++)
    if (s.weights.zero_points[i] != s.weights.zero_points[0]) return "a weight zero point per channel";
#if defined(GEMMLOWP_SSE4)
  if (s.output_kind == QASSAY_OUTPUT_QUANTIZED && !uniform(&s.weights)) return "a scale per channel on SSE";
#endif
  return nullptr;
}

std::int32_t prepare(const qassay_op* op, void** handle, char* why, std::size_t why_size) {
  const auto& s = *static_cast<const qassay_linear*>(op->spec);
  if (const char* text = refused(op, s)) return refuse(why, why_size, QASSAY_UNSUPPORTED, text);
  auto* k = new Kernel{};
  ++alive;
  const bool sums = s.output_kind == QASSAY_OUTPUT_SUMS, signed_weights = op->weights->dtype == QASSAY_S8;
  k->spec = s;
  k->one_scale = uniform(&s.weights);
  k->flip_in = s.activation.dtype == QASSAY_S8;
  k->flip_out = !sums && s.output.dtype == QASSAY_S8;
  k->zero_in = s.activation.zero_point + (k->flip_in ? 128 : 0);
  k->zero_weights = s.weights.zero_points[0] + (signed_weights ? 128 : 0);
  const auto* weights = static_cast<const std::uint8_t*>(op->weights->data);
  k->weights.assign(weights, weights + s.n * s.k);
  if (signed_weights)
    for (auto& code : k->weights) code ^= kFlip;
  k->in.resize(s.m * s.k + kBehind);
  k->out.resize(s.m * s.n * (sums ? 4 : 1) + kBehind);
  k->chosen = sums ? "sums" : k->one_scale ? "u8" : "u8-per-channel";
  if (!sums) {
    const int moved = k->flip_out ? 128 : 0;
    k->zero_out = s.output.zero_point + moved;
    k->low = 0;
    k->high = 255;
    if (s.relu.kind == QASSAY_RELU_ZERO) k->low = k->zero_out;
    if (s.relu.kind == QASSAY_RELU_CODES) {
      k->low = s.relu.low + moved;
      k->high = s.relu.high + moved;
    }
    k->biased = s.bias_kind != QASSAY_BIAS_NONE;
    std::int32_t* steps = bias_steps(op, s.bias_kind, s.activation.scale, &s.weights, s.n);
    k->bias.assign(steps, steps + s.n);
    k->bias.resize(s.n + kBehind);
    std::free(steps);
    k->multipliers.resize(s.weights.count + kBehind);
    k->exponents.resize(s.weights.count + kBehind);
    for (std::int64_t i = 0; i < s.weights.count; i++) {
      const float product = static_cast<float>(s.activation.scale) * static_cast<float>(s.weights.scales[i]);
      split(product / static_cast<float>(s.output.scale), &k->multipliers[i], &k->exponents[i]);
    }
  }
  *handle = k;
  return QASSAY_OK;
}

template <typename Out, typename Pipeline>
void multiply(const Kernel& k, const std::uint8_t* x, Out* y, const Pipeline& pipeline) {
  const qassay_linear& s = k.spec;
  const gemmlowp::MatrixMap<const std::uint8_t, MapOrder::RowMajor> left(x, s.m, s.k);
  const gemmlowp::MatrixMap<const std::uint8_t, MapOrder::ColMajor> right(k.weights.data(), s.k, s.n);
  gemmlowp::MatrixMap<Out, MapOrder::RowMajor> result(y, s.m, s.n);
  gemmlowp::GemmWithOutputPipeline<std::uint8_t, Out, gemmlowp::DefaultL8R8BitDepthParams>(
      &context(), left, right, &result, -k.zero_in, -k.zero_weights, pipeline);
}

template <typename Stage>
void to_codes(const Kernel& k, const std::uint8_t* x, std::uint8_t* y, const Stage& scale) {
  gemmlowp::OutputStageClamp clamp{k.low, k.high};
  gemmlowp::OutputStageSaturatingCastToUint8 cast;
  if (!k.biased) return multiply(k, x, y, std::make_tuple(scale, clamp, cast));
  gemmlowp::OutputStageBiasAddition<Row> bias;
  bias.bias_vector = Row(k.bias.data(), k.spec.n);
  multiply(k, x, y, std::make_tuple(bias, scale, clamp, cast));
}

std::int32_t run(void* handle, const qassay_tensor* inputs, const qassay_tensor* outputs, char*, std::size_t) {
  auto& k = *static_cast<Kernel*>(handle);
  const qassay_linear& s = k.spec;
  const auto* x = static_cast<const std::uint8_t*>(inputs->data);
  if (!dense(inputs) || k.flip_in) {
    copy_rows(inputs, reinterpret_cast<char*>(k.in.data()), 0);
    x = k.in.data();
  }
  if (k.flip_in)
    for (std::int64_t i = 0; i < s.m * s.k; i++) k.in[i] ^= kFlip;
  const bool here = dense(outputs) && !k.flip_out;
  void* y = here ? outputs->data : k.out.data();
  if (s.output_kind == QASSAY_OUTPUT_SUMS) {
    multiply(k, x, static_cast<std::int32_t*>(y), std::make_tuple());
  } else if (k.one_scale) {
    Scale scale{k.multipliers[0], k.exponents[0], k.zero_out};
    to_codes(k, x, static_cast<std::uint8_t*>(y), scale);
  } else {
#if !defined(GEMMLOWP_SSE4)
    Scales scales{Row(k.multipliers.data(), s.n), Row(k.exponents.data(), s.n), k.zero_out};
    to_codes(k, x, static_cast<std::uint8_t*>(y), scales);
#endif
  }
  if (k.flip_out)
    for (std::int64_t i = 0; i < s.m * s.n; i++) k.out[i] ^= static_cast<char>(kFlip);
  if (!here) copy_rows(outputs, k.out.data(), 1);
  return QASSAY_OK;
}

void release(void* handle) {
  delete static_cast<Kernel*>(handle);
  --alive;
}

const char* chosen(void* handle) { return static_cast<Kernel*>(handle)->chosen; }
std::int64_t live() { return alive; }

}  // namespace

const qassay_backend* qassay_plugin(void) {
  static const std::int32_t ops[] = {QASSAY_LINEAR};
  static qassay_backend table;
  table.size = sizeof table;
  table.abi = QASSAY_ABI;
  table.preconditions = 0;
  table.name = "gemmlowp";
#if defined(GEMMLOWP_SSE4)
  table.isa = "sse4.1";
#elif defined(GEMMLOWP_AVX2)
  table.isa = "avx2";
#elif defined(GEMMLOWP_NEON)
  table.isa = "neon";
#else
  table.isa = "scalar";
#endif
  table.profile = "gemmlowp";
  table.ops = ops;
  table.op_count = 1;
  table.prepare = prepare;
  table.run = run;
  table.release = release;
  table.chosen = chosen;
  table.live = live;
  return &table;
}
