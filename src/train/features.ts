/** The features of the fraud model. */

/** One column of the training data: its meaning and its plausible values. */
export interface Feature {
  readonly name: string;
  readonly kind: 'flag' | 'whole' | 'real';
  /** Plausible values lie in [minimum, maximum]. */
  readonly minimum: number;
  readonly maximum: number;
  readonly meaning: string;
}

/** The feature set v1.0.0 of the fraud model, in the model's order. */
export const FEATURES = [
  { name: 'age', kind: 'whole', minimum: 16, maximum: 110, meaning: "applicant's age in years" },
  {
    name: 'sin_valid_flag',
    kind: 'flag',
    minimum: 0,
    maximum: 1,
    meaning: 'the social insurance number passes its check digit and issue rules',
  },
  {
    name: 'email_domain_category',
    kind: 'whole',
    minimum: 0,
    maximum: 4,
    meaning: '0 employer or school, 1 internet provider, 2 large free mail, 3 little-known, 4 disposable',
  },
  {
    name: 'phone_reuse_count',
    kind: 'whole',
    minimum: 0,
    maximum: 1000,
    meaning: 'other applications of the last 90 days with this phone number',
  },
  {
    name: 'email_reuse_count',
    kind: 'whole',
    minimum: 0,
    maximum: 1000,
    meaning: 'other applications of the last 90 days with this e-mail address',
  },
  {
    name: 'vin_reuse_flag',
    kind: 'flag',
    minimum: 0,
    maximum: 1,
    meaning: 'the vehicle identification number is on another open application',
  },
  {
    name: 'dealer_app_volume_24h',
    kind: 'whole',
    minimum: 0,
    maximum: 10_000,
    meaning: "the dealer's applications in the last 24 hours",
  },
  {
    name: 'dealer_fraud_percentile',
    kind: 'real',
    minimum: 0,
    maximum: 1,
    meaning: "rank of the dealer's past fraud rate among dealers, 0 to 1",
  },
  {
    name: 'province_ip_mismatch',
    kind: 'flag',
    minimum: 0,
    maximum: 1,
    meaning: 'the IP address is in another province than the stated address',
  },
  {
    name: 'address_postal_match_flag',
    kind: 'flag',
    minimum: 0,
    maximum: 1,
    meaning: 'street address and postal code belong together',
  },
  { name: 'ltv_ratio', kind: 'real', minimum: 0, maximum: 10, meaning: 'loan over book value of the vehicle' },
  { name: 'purchase_loan_ratio', kind: 'real', minimum: 0, maximum: 100, meaning: 'purchase price over loan' },
  {
    name: 'downpayment_income_ratio',
    kind: 'real',
    minimum: 0,
    maximum: 100,
    meaning: 'down payment over yearly income',
  },
  {
    name: 'mileage_plausibility_score',
    kind: 'real',
    minimum: 0,
    maximum: 1,
    meaning: "how well the odometer fits the vehicle's age and history, 1 best",
  },
  {
    name: 'high_value_low_income_flag',
    kind: 'flag',
    minimum: 0,
    maximum: 1,
    meaning: 'price above $55,000 with yearly income below $50,000',
  },
] as const satisfies readonly Feature[];

export type FeatureName = (typeof FEATURES)[number]['name'];

export const FEATURE_NAMES: readonly FeatureName[] = FEATURES.map(({ name }) => name);

/** The column with the label: 1 fraud, 0 legitimate. */
export const LABEL_NAME = 'is_fraud';

/** The three files of a data set: `train.parquet` and so on. */
export const SPLITS = ['train', 'validation', 'test'] as const;
export type Split = (typeof SPLITS)[number];
