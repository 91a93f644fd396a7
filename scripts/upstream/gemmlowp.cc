// What gemmlowp computes, for systems/gemmlowp.py. A problem is read from the standard
// input and the answer written to the standard output, both little-endian:
//   gemm:       'g' m n k lhs_offset rhs_offset result_offset multiplier exponent low high (i32),
//               lhs [m, k] u8, rhs [k, n] u8 (column-major), bias [m] i32  ->  [m, n] u8 (column-major)
//   sums:       's' m n k lhs_offset rhs_offset (i32), lhs, rhs            ->  [m, n] i32 (column-major)
// The result is (sum + bias) * multiplier / 2^31 * 2^exponent + result_offset, held to low and high.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <tuple>
#include <vector>

#include <gemmlowp/public/gemmlowp.h>

namespace {

template <typename T>
std::vector<T> take(std::size_t count) {
  std::vector<T> values(count);
  if (std::fread(values.data(), sizeof(T), count, stdin) != count) std::exit(1);
  return values;
}

int32_t number() { return take<int32_t>(1)[0]; }

template <typename T>
void give(const std::vector<T>& values) {
  std::fwrite(values.data(), sizeof(T), values.size(), stdout);
}

using Lhs = gemmlowp::MatrixMap<const uint8_t, gemmlowp::MapOrder::RowMajor>;
using Rhs = gemmlowp::MatrixMap<const uint8_t, gemmlowp::MapOrder::ColMajor>;
using Bias = gemmlowp::VectorMap<const int32_t, gemmlowp::VectorShape::Col>;

struct Stages {
  gemmlowp::OutputStageScaleInt32ByFixedPointAndExponent scale;
  gemmlowp::OutputStageClamp clamp;
  gemmlowp::OutputStageSaturatingCastToUint8 cast;
};

Stages stages() {
  Stages made;
  made.scale.result_offset_after_shift = number();
  made.scale.result_fixedpoint_multiplier = number();
  made.scale.result_exponent = number();
  made.clamp.min = number();
  made.clamp.max = number();
  return made;
}

}  // namespace

int main() {
  gemmlowp::GemmContext context;
  context.set_max_num_threads(1);
  const int kind = std::getchar();
  const int m = number(), n = number(), k = number();
  const int lhs_offset = number(), rhs_offset = number();
  Stages made;
  if (kind == 'g') made = stages();
  const auto lhs = take<uint8_t>(std::size_t(m) * k);
  const auto rhs = take<uint8_t>(std::size_t(k) * n);
  const Lhs left(lhs.data(), m, k);
  const Rhs right(rhs.data(), k, n);
  if (kind == 's') {
    std::vector<int32_t> sums(std::size_t(m) * n);
    gemmlowp::MatrixMap<int32_t, gemmlowp::MapOrder::ColMajor> result(sums.data(), m, n);
    gemmlowp::GemmWithOutputPipeline<uint8_t, int32_t, gemmlowp::DefaultL8R8BitDepthParams>(
        &context, left, right, &result, lhs_offset, rhs_offset, std::make_tuple());
    give(sums);
    return 0;
  }
  const auto values = take<int32_t>(m);
  gemmlowp::OutputStageBiasAddition<Bias> bias;
  bias.bias_vector = Bias(values.data(), m);
  std::vector<uint8_t> codes(std::size_t(m) * n);
  gemmlowp::MatrixMap<uint8_t, gemmlowp::MapOrder::ColMajor> result(codes.data(), m, n);
  gemmlowp::GemmWithOutputPipeline<uint8_t, uint8_t, gemmlowp::DefaultL8R8BitDepthParams>(
      &context, left, right, &result, lhs_offset, rhs_offset,
      std::make_tuple(bias, made.scale, made.clamp, made.cast));
  give(codes);
  return 0;
}
