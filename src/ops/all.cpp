#include <array>

#include "ops/custom.hpp"
#include "ops/op.hpp"

namespace kiln {
namespace ops {

// ai.onnx
extern const OpDef abs_op;
extern const OpDef acos_op;
extern const OpDef acosh_op;
extern const OpDef add_op;
extern const OpDef affine_grid_op;
extern const OpDef and_op;
extern const OpDef arg_max_op;
extern const OpDef arg_min_op;
extern const OpDef asin_op;
extern const OpDef asinh_op;
extern const OpDef atan_op;
extern const OpDef atanh_op;
extern const OpDef attention_op;
extern const OpDef average_pool_op;
extern const OpDef batch_normalization_op;
extern const OpDef bernoulli_op;
extern const OpDef bit_cast_op;
extern const OpDef bit_shift_op;
extern const OpDef bitwise_and_op;
extern const OpDef bitwise_not_op;
extern const OpDef bitwise_or_op;
extern const OpDef bitwise_xor_op;
extern const OpDef blackman_window_op;
extern const OpDef cast_op;
extern const OpDef cast_like_op;
extern const OpDef causal_conv_with_state_op;
extern const OpDef ceil_op;
extern const OpDef celu_op;
extern const OpDef center_crop_pad_op;
extern const OpDef clip_op;
extern const OpDef col2im_op;
extern const OpDef compress_op;
extern const OpDef concat_op;
extern const OpDef concat_from_sequence_op;
extern const OpDef constant_op;
extern const OpDef constant_of_shape_op;
extern const OpDef conv_op;
extern const OpDef conv_integer_op;
extern const OpDef conv_transpose_op;
extern const OpDef cos_op;
extern const OpDef cosh_op;
extern const OpDef cum_prod_op;
extern const OpDef cum_sum_op;
extern const OpDef dft_op;
extern const OpDef deform_conv_op;
extern const OpDef depth_to_space_op;
extern const OpDef dequantize_linear_op;
extern const OpDef det_op;
extern const OpDef div_op;
extern const OpDef dropout_op;
extern const OpDef dynamic_quantize_linear_op;
extern const OpDef einsum_op;
extern const OpDef elu_op;
extern const OpDef equal_op;
extern const OpDef erf_op;
extern const OpDef exp_op;
extern const OpDef expand_op;
extern const OpDef eye_like_op;
extern const OpDef flatten_op;
extern const OpDef floor_op;
extern const OpDef gru_op;
extern const OpDef gather_op;
extern const OpDef gather_elements_op;
extern const OpDef gather_nd_op;
extern const OpDef gelu_op;
extern const OpDef gemm_op;
extern const OpDef global_average_pool_op;
extern const OpDef global_lp_pool_op;
extern const OpDef global_max_pool_op;
extern const OpDef greater_op;
extern const OpDef greater_or_equal_op;
extern const OpDef grid_sample_op;
extern const OpDef group_normalization_op;
extern const OpDef hamming_window_op;
extern const OpDef hann_window_op;
extern const OpDef hard_sigmoid_op;
extern const OpDef hard_swish_op;
extern const OpDef hardmax_op;
extern const OpDef identity_op;
extern const OpDef if_op;
extern const OpDef image_decoder_op;
extern const OpDef instance_normalization_op;
extern const OpDef is_inf_op;
extern const OpDef is_na_n_op;
extern const OpDef lrn_op;
extern const OpDef lstm_op;
extern const OpDef layer_normalization_op;
extern const OpDef leaky_relu_op;
extern const OpDef less_op;
extern const OpDef less_or_equal_op;
extern const OpDef linear_attention_op;
extern const OpDef log_op;
extern const OpDef log_softmax_op;
extern const OpDef loop_op;
extern const OpDef lp_normalization_op;
extern const OpDef lp_pool_op;
extern const OpDef matmul_op;
extern const OpDef matmul_integer_op;
extern const OpDef max_op;
extern const OpDef max_pool_op;
extern const OpDef max_roi_pool_op;
extern const OpDef max_unpool_op;
extern const OpDef mean_op;
extern const OpDef mean_variance_normalization_op;
extern const OpDef mel_weight_matrix_op;
extern const OpDef min_op;
extern const OpDef mish_op;
extern const OpDef mod_op;
extern const OpDef mul_op;
extern const OpDef multinomial_op;
extern const OpDef neg_op;
extern const OpDef negative_log_likelihood_loss_op;
extern const OpDef non_max_suppression_op;
extern const OpDef non_zero_op;
extern const OpDef not_op;
extern const OpDef one_hot_op;
extern const OpDef optional_op;
extern const OpDef optional_get_element_op;
extern const OpDef optional_has_element_op;
extern const OpDef or_op;
extern const OpDef prelu_op;
extern const OpDef pad_op;
extern const OpDef pow_op;
extern const OpDef qlinear_conv_op;
extern const OpDef qlinear_matmul_op;
extern const OpDef quantize_linear_op;
extern const OpDef rms_normalization_op;
extern const OpDef rnn_op;
extern const OpDef random_normal_op;
extern const OpDef random_normal_like_op;
extern const OpDef random_uniform_op;
extern const OpDef random_uniform_like_op;
extern const OpDef range_op;
extern const OpDef reciprocal_op;
extern const OpDef reduce_l1_op;
extern const OpDef reduce_l2_op;
extern const OpDef reduce_log_sum_op;
extern const OpDef reduce_log_sum_exp_op;
extern const OpDef reduce_max_op;
extern const OpDef reduce_mean_op;
extern const OpDef reduce_min_op;
extern const OpDef reduce_prod_op;
extern const OpDef reduce_sum_op;
extern const OpDef reduce_sum_square_op;
extern const OpDef regex_full_match_op;
extern const OpDef relu_op;
extern const OpDef reshape_op;
extern const OpDef resize_op;
extern const OpDef reverse_sequence_op;
extern const OpDef roi_align_op;
extern const OpDef rotary_embedding_op;
extern const OpDef round_op;
extern const OpDef stft_op;
extern const OpDef scan_op;
extern const OpDef scatter_op;
extern const OpDef scatter_elements_op;
extern const OpDef scatter_nd_op;
extern const OpDef selu_op;
extern const OpDef sequence_at_op;
extern const OpDef sequence_construct_op;
extern const OpDef sequence_empty_op;
extern const OpDef sequence_erase_op;
extern const OpDef sequence_insert_op;
extern const OpDef sequence_length_op;
extern const OpDef sequence_map_op;
extern const OpDef shape_op;
extern const OpDef shrink_op;
extern const OpDef sigmoid_op;
extern const OpDef sign_op;
extern const OpDef sin_op;
extern const OpDef sinh_op;
extern const OpDef size_op;
extern const OpDef slice_op;
extern const OpDef softmax_op;
extern const OpDef softmax_cross_entropy_loss_op;
extern const OpDef softplus_op;
extern const OpDef softsign_op;
extern const OpDef space_to_depth_op;
extern const OpDef split_op;
extern const OpDef split_to_sequence_op;
extern const OpDef sqrt_op;
extern const OpDef squeeze_op;
extern const OpDef string_concat_op;
extern const OpDef string_normalizer_op;
extern const OpDef string_split_op;
extern const OpDef sub_op;
extern const OpDef sum_op;
extern const OpDef swiglu_op;
extern const OpDef swish_op;
extern const OpDef tan_op;
extern const OpDef tanh_op;
extern const OpDef tensor_scatter_op;
extern const OpDef tfidf_vectorizer_op;
extern const OpDef thresholded_relu_op;
extern const OpDef tile_op;
extern const OpDef topk_op;
extern const OpDef transpose_op;
extern const OpDef trilu_op;
extern const OpDef unique_op;
extern const OpDef unsqueeze_op;
extern const OpDef upsample_op;
extern const OpDef where_op;
extern const OpDef xor_op;

// ai.onnx.ml
extern const OpDef array_feature_extractor_op;
extern const OpDef binarizer_op;
extern const OpDef cast_map_op;
extern const OpDef category_mapper_op;
extern const OpDef dict_vectorizer_op;
extern const OpDef feature_vectorizer_op;
extern const OpDef imputer_op;
extern const OpDef label_encoder_op;
extern const OpDef linear_classifier_op;
extern const OpDef linear_regressor_op;
extern const OpDef normalizer_op;
extern const OpDef one_hot_encoder_op;
extern const OpDef svm_classifier_op;
extern const OpDef svm_regressor_op;
extern const OpDef scaler_op;
extern const OpDef tree_ensemble_op;
extern const OpDef tree_ensemble_classifier_op;
extern const OpDef tree_ensemble_regressor_op;
extern const OpDef zip_map_op;

// ai.onnx.preview.training
extern const OpDef adagrad_op;
extern const OpDef adam_op;
extern const OpDef gradient_op;
extern const OpDef momentum_op;

// ai.onnx.preview
extern const OpDef flex_attention_op;

}  // namespace ops

namespace {

constexpr std::array all{
    &ops::abs_op,
    &ops::acos_op,
    &ops::acosh_op,
    &ops::add_op,
    &ops::affine_grid_op,
    &ops::and_op,
    &ops::arg_max_op,
    &ops::arg_min_op,
    &ops::asin_op,
    &ops::asinh_op,
    &ops::atan_op,
    &ops::atanh_op,
    &ops::attention_op,
    &ops::average_pool_op,
    &ops::batch_normalization_op,
    &ops::bernoulli_op,
    &ops::bit_cast_op,
    &ops::bit_shift_op,
    &ops::bitwise_and_op,
    &ops::bitwise_not_op,
    &ops::bitwise_or_op,
    &ops::bitwise_xor_op,
    &ops::blackman_window_op,
    &ops::cast_op,
    &ops::cast_like_op,
    &ops::causal_conv_with_state_op,
    &ops::ceil_op,
    &ops::celu_op,
    &ops::center_crop_pad_op,
    &ops::clip_op,
    &ops::col2im_op,
    &ops::compress_op,
    &ops::concat_op,
    &ops::concat_from_sequence_op,
    &ops::constant_op,
    &ops::constant_of_shape_op,
    &ops::conv_op,
    &ops::conv_integer_op,
    &ops::conv_transpose_op,
    &ops::cos_op,
    &ops::cosh_op,
    &ops::cum_prod_op,
    &ops::cum_sum_op,
    &ops::dft_op,
    &ops::deform_conv_op,
    &ops::depth_to_space_op,
    &ops::dequantize_linear_op,
    &ops::det_op,
    &ops::div_op,
    &ops::dropout_op,
    &ops::dynamic_quantize_linear_op,
    &ops::einsum_op,
    &ops::elu_op,
    &ops::equal_op,
    &ops::erf_op,
    &ops::exp_op,
    &ops::expand_op,
    &ops::eye_like_op,
    &ops::flatten_op,
    &ops::floor_op,
    &ops::gru_op,
    &ops::gather_op,
    &ops::gather_elements_op,
    &ops::gather_nd_op,
    &ops::gelu_op,
    &ops::gemm_op,
    &ops::global_average_pool_op,
    &ops::global_lp_pool_op,
    &ops::global_max_pool_op,
    &ops::greater_op,
    &ops::greater_or_equal_op,
    &ops::grid_sample_op,
    &ops::group_normalization_op,
    &ops::hamming_window_op,
    &ops::hann_window_op,
    &ops::hard_sigmoid_op,
    &ops::hard_swish_op,
    &ops::hardmax_op,
    &ops::identity_op,
    &ops::if_op,
    &ops::image_decoder_op,
    &ops::instance_normalization_op,
    &ops::is_inf_op,
    &ops::is_na_n_op,
    &ops::lrn_op,
    &ops::lstm_op,
    &ops::layer_normalization_op,
    &ops::leaky_relu_op,
    &ops::less_op,
    &ops::less_or_equal_op,
    &ops::linear_attention_op,
    &ops::log_op,
    &ops::log_softmax_op,
    &ops::loop_op,
    &ops::lp_normalization_op,
    &ops::lp_pool_op,
    &ops::matmul_op,
    &ops::matmul_integer_op,
    &ops::max_op,
    &ops::max_pool_op,
    &ops::max_roi_pool_op,
    &ops::max_unpool_op,
    &ops::mean_op,
    &ops::mean_variance_normalization_op,
    &ops::mel_weight_matrix_op,
    &ops::min_op,
    &ops::mish_op,
    &ops::mod_op,
    &ops::mul_op,
    &ops::multinomial_op,
    &ops::neg_op,
    &ops::negative_log_likelihood_loss_op,
    &ops::non_max_suppression_op,
    &ops::non_zero_op,
    &ops::not_op,
    &ops::one_hot_op,
    &ops::optional_op,
    &ops::optional_get_element_op,
    &ops::optional_has_element_op,
    &ops::or_op,
    &ops::prelu_op,
    &ops::pad_op,
    &ops::pow_op,
    &ops::qlinear_conv_op,
    &ops::qlinear_matmul_op,
    &ops::quantize_linear_op,
    &ops::rms_normalization_op,
    &ops::rnn_op,
    &ops::random_normal_op,
    &ops::random_normal_like_op,
    &ops::random_uniform_op,
    &ops::random_uniform_like_op,
    &ops::range_op,
    &ops::reciprocal_op,
    &ops::reduce_l1_op,
    &ops::reduce_l2_op,
    &ops::reduce_log_sum_op,
    &ops::reduce_log_sum_exp_op,
    &ops::reduce_max_op,
    &ops::reduce_mean_op,
    &ops::reduce_min_op,
    &ops::reduce_prod_op,
    &ops::reduce_sum_op,
    &ops::reduce_sum_square_op,
    &ops::regex_full_match_op,
    &ops::relu_op,
    &ops::reshape_op,
    &ops::resize_op,
    &ops::reverse_sequence_op,
    &ops::roi_align_op,
    &ops::rotary_embedding_op,
    &ops::round_op,
    &ops::stft_op,
    &ops::scan_op,
    &ops::scatter_op,
    &ops::scatter_elements_op,
    &ops::scatter_nd_op,
    &ops::selu_op,
    &ops::sequence_at_op,
    &ops::sequence_construct_op,
    &ops::sequence_empty_op,
    &ops::sequence_erase_op,
    &ops::sequence_insert_op,
    &ops::sequence_length_op,
    &ops::sequence_map_op,
    &ops::shape_op,
    &ops::shrink_op,
    &ops::sigmoid_op,
    &ops::sign_op,
    &ops::sin_op,
    &ops::sinh_op,
    &ops::size_op,
    &ops::slice_op,
    &ops::softmax_op,
    &ops::softmax_cross_entropy_loss_op,
    &ops::softplus_op,
    &ops::softsign_op,
    &ops::space_to_depth_op,
    &ops::split_op,
    &ops::split_to_sequence_op,
    &ops::sqrt_op,
    &ops::squeeze_op,
    &ops::string_concat_op,
    &ops::string_normalizer_op,
    &ops::string_split_op,
    &ops::sub_op,
    &ops::sum_op,
    &ops::swiglu_op,
    &ops::swish_op,
    &ops::tan_op,
    &ops::tanh_op,
    &ops::tensor_scatter_op,
    &ops::tfidf_vectorizer_op,
    &ops::thresholded_relu_op,
    &ops::tile_op,
    &ops::topk_op,
    &ops::transpose_op,
    &ops::trilu_op,
    &ops::unique_op,
    &ops::unsqueeze_op,
    &ops::upsample_op,
    &ops::where_op,
    &ops::xor_op,
    &ops::array_feature_extractor_op,
    &ops::binarizer_op,
    &ops::cast_map_op,
    &ops::category_mapper_op,
    &ops::dict_vectorizer_op,
    &ops::feature_vectorizer_op,
    &ops::imputer_op,
    &ops::label_encoder_op,
    &ops::linear_classifier_op,
    &ops::linear_regressor_op,
    &ops::normalizer_op,
    &ops::one_hot_encoder_op,
    &ops::svm_classifier_op,
    &ops::svm_regressor_op,
    &ops::scaler_op,
    &ops::tree_ensemble_op,
    &ops::tree_ensemble_classifier_op,
    &ops::tree_ensemble_regressor_op,
    &ops::zip_map_op,
    &ops::adagrad_op,
    &ops::adam_op,
    &ops::gradient_op,
    &ops::momentum_op,
    &ops::flex_attention_op,
};

}  // namespace

std::span<const OpDef* const> all_ops() { return all; }

const OpDef* find_op(std::string_view domain, std::string_view name) {
  for (const OpDef* op : all) {
    if (op->name == name && op->domain == domain) return op;
  }
  return find_custom_op(domain, name);
}

}  // namespace kiln
