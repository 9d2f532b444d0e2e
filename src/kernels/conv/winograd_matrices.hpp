#pragma once

namespace kiln {

/// The matrices of F(size x size, 3 x 3): an output tile is At [(G w Gt) . (Bt x B)] A (Lavin and Gray, 2016). The
/// points are 0, 1, -1 (and 2, -2, 1/2, -1/2) and infinity; rows of a pair +-p differ in sign at odd columns only.
template <int size>
struct WinogradMatrices;

template <>
struct WinogradMatrices<2> {
  static constexpr float input[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}};
  static constexpr double weights[4][3] = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};
  static constexpr float output[2][4] = {{1, 1, 1, 0}, {0, 1, -1, 1}};
};

template <>
struct WinogradMatrices<4> {
  static constexpr float input[6][6] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
                                        {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
  static constexpr double weights[6][3] = {{1. / 4, 0, 0},
                                           {-1. / 6, -1. / 6, -1. / 6},
                                           {-1. / 6, 1. / 6, -1. / 6},
                                           {1. / 24, 1. / 12, 1. / 6},
                                           {1. / 24, -1. / 12, 1. / 6},
                                           {0, 0, 1}};
  static constexpr float output[4][6] = {
      {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};
};

template <>
struct WinogradMatrices<6> {
  static constexpr float input[8][8] = {{1, 0, -5.25f, 0, 5.25f, 0, -1, 0},      {0, 1, 1, -4.25f, -4.25f, 1, 1, 0},
                                        {0, -1, 1, 4.25f, -4.25f, -1, 1, 0},     {0, .5f, .25f, -2.5f, -1.25f, 2, 1, 0},
                                        {0, -.5f, .25f, 2.5f, -1.25f, -2, 1, 0}, {0, 2, 4, -2.5f, -5, .5f, 1, 0},
                                        {0, -2, 4, 2.5f, -5, -.5f, 1, 0},        {0, -1, 0, 5.25f, 0, -5.25f, 0, 1}};
  static constexpr double weights[8][3] = {{1, 0, 0},
                                           {-2. / 9, -2. / 9, -2. / 9},
                                           {-2. / 9, 2. / 9, -2. / 9},
                                           {1. / 90, 1. / 45, 2. / 45},
                                           {1. / 90, -1. / 45, 2. / 45},
                                           {32. / 45, 16. / 45, 8. / 45},
                                           {32. / 45, -16. / 45, 8. / 45},
                                           {0, 0, 1}};
  static constexpr float output[6][8] = {{1, 1, 1, 1, 1, 1, 1, 0},
                                         {0, 1, -1, 2, -2, .5f, -.5f, 0},
                                         {0, 1, 1, 4, 4, .25f, .25f, 0},
                                         {0, 1, -1, 8, -8, .125f, -.125f, 0},
                                         {0, 1, 1, 16, 16, 1.f / 16, 1.f / 16, 0},
                                         {0, 1, -1, 32, -32, 1.f / 32, -1.f / 32, 1}};
};

/// The weight matrix of a convolution of three taps and a stride of 1 or 2, with size + 2 rows.
///
/// At stride 2, y[i] = w[0] e[i] + w[1] o[i] + w[2] e[i + 1] with the even and the odd inputs e and o: F(size, 2 taps)
/// on the even ones and a product of its own for each odd one, which all take the last row. F(size, 2 taps) has the
/// points of F(size - 1, 3 taps); for a size of 4 they are 0, 1, -1, 2 and infinity.
template <int stride, int size>
struct WinogradWeights {
  struct Rows {
    double row[size + 2][3];
  };
  static constexpr Rows make() {
    Rows rows{};
    for (int row = 0; row < size + 2; ++row) {
      if constexpr (stride == 1) {
        for (int tap = 0; tap < 3; ++tap) rows.row[row][tap] = WinogradMatrices<size>::weights[row][tap];
      } else if (row == size + 1) {
        rows.row[row][1] = 1;
      } else if (row == size) {
        rows.row[row][2] = 1;
      } else if constexpr (size == 4) {
        constexpr double point[] = {0, 1, -1, 2}, scale[] = {1. / 2, -1. / 2, -1. / 6, 1. / 6};
        rows.row[row][0] = scale[row], rows.row[row][2] = scale[row] * point[row];
      } else {
        rows.row[row][0] = WinogradMatrices<size - 1>::weights[row][0];
        rows.row[row][2] = WinogradMatrices<size - 1>::weights[row][1];
      }
    }
    return rows;
  }
  static constexpr Rows g = make();
};

}  // namespace kiln
