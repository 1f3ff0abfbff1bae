/** The part of the untyped package that the tests use as an oracle. */
declare module "kalman-filter" {
  type Matrix = number[][];
  interface Estimate {
    mean: Matrix;
    covariance: Matrix;
  }
  export class KalmanFilter {
    constructor(options: object);
    predict(options: { previousCorrected: Estimate | undefined }): Estimate;
    correct(options: { predicted: Estimate; observation: Matrix }): Estimate;
  }
}
