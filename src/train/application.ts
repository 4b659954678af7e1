/** The model behind the synthetic data: how applications are drawn, and how likely each is a fraud. */
import type { FeatureName } from './features.js';
import { type Random, exponential } from './random.js';

/** One recorded auto-loan application; NaN stands for a value that was not recorded. */
export type Application = Readonly<Record<FeatureName, number>>;

interface Dealer {
  /** Rank of its past fraud rate, (0.5 to n - 0.5) / n. */
  readonly percentile: number;
  /** Mean number of applications per day. */
  readonly volume: number;
}

/** The dealers from which applications come, each in proportion to its volume. */
export interface Market {
  readonly dealers: readonly Dealer[];
  /** The summed volume of each dealer and all before it. */
  readonly cumulative: Float64Array;
}

/** Draws `count` dealers: a few are busy, most are small, and busy ones tend to have more fraud. */
export function drawMarket(random: Random, count: number): Market {
  const drawn = Array.from({ length: count }, () => {
    const size = random.normal();
    return { volume: Math.min(40, 3 * exponential(0.7 * size)), tendency: 0.25 * size + random.normal() };
  });
  const ranked = drawn.toSorted((a, b) => a.tendency - b.tendency);
  const dealers = ranked.map(({ volume }, rank) => ({ volume, percentile: fourDecimals((rank + 0.5) / count) }));
  let total = 0;
  return { dealers, cumulative: Float64Array.from(dealers, ({ volume }) => (total += volume)) };
}

/**
 * Draws one application. Its features depend on each other through causes that are not recorded themselves:
 *
 * - The applicant may be part of an organised ring (reused phones, e-mail addresses and vehicles, odd addresses;
 *   likelier at dealers with much fraud) or a made-up person (social insurance number, e-mail address and address do
 *   not fit).
 * - Yearly income is log-normal around $58,000 and rises with age up to 50; the price is log-normal around $33,000 and
 *   rises with income.
 * - The down payment is a share of the price, 0 for three in ten; the loan is the rest plus 3% fees; the book value is
 *   the price within about 12%. The three ratios and the high-value flag follow from these.
 * - A vehicle's mileage is implausible where the odometer was tampered with, and always a little noisy.
 *
 * Shares of values that are not recorded: income 2.5% (the two features made from it are then missing), mileage 3%,
 * book value 1.2%, postal check 0.8%, IP address 1.5%.
 */
export function drawApplication(random: Random, market: Market): Application {
  const dealer = drawDealer(random, market);
  const ring = random.chance(dealer.percentile > 0.9 ? 0.06 : 0.015);
  const madeUp = random.chance(ring ? 0.25 : 0.015);

  const age = Math.floor(Math.max(18, Math.min(90, 41 + 14 * random.normal() + 4 * random.poisson(0.3))));
  const income = 58_000 * exponential(0.42 * random.normal() + 0.012 * (Math.min(age, 50) - 40));
  const price = 33_000 * exponential(0.35 * random.normal()) * Math.sqrt(Math.sqrt(income / 58_000));
  const down = random.chance(0.3) ? 0 : 0.4 * price * random.uniform() * random.uniform();
  const loan = (price - down) * 1.03 + (ring ? 0.1 * price * random.uniform() : 0);
  const bookValue = price * exponential(0.12 * random.normal() - (ring ? 0.08 : 0.02));
  const tampered = random.chance(ring ? 0.2 : 0.02);

  const incomeStated = !random.chance(0.025);
  return {
    age,
    sin_valid_flag: flag(!random.chance(madeUp ? 0.35 : 0.008)),
    email_domain_category: random.pick(madeUp ? [2, 5, 45, 23, 25] : ring ? [3, 10, 60, 20, 7] : [14, 24, 56, 5, 1]),
    phone_reuse_count: random.poisson(ring ? 1.6 : 0.12),
    email_reuse_count: random.poisson(ring ? 1.2 : 0.07),
    vin_reuse_flag: flag(random.chance(ring ? 0.22 : 0.006)),
    dealer_app_volume_24h: random.poisson(dealer.volume),
    dealer_fraud_percentile: dealer.percentile,
    province_ip_mismatch: random.chance(0.015) ? NaN : flag(random.chance(ring || madeUp ? 0.25 : 0.05)),
    address_postal_match_flag: random.chance(0.008) ? NaN : flag(!random.chance(madeUp ? 0.3 : ring ? 0.12 : 0.03)),
    ltv_ratio: random.chance(0.012) ? NaN : fourDecimals(loan / bookValue),
    purchase_loan_ratio: fourDecimals(price / loan),
    downpayment_income_ratio: incomeStated ? fourDecimals(down / income) : NaN,
    mileage_plausibility_score: random.chance(0.03)
      ? NaN
      : fourDecimals(Math.max(0, Math.min(1, (tampered ? 0.45 : 0.9) + (tampered ? 0.15 : 0.06) * random.normal()))),
    high_value_low_income_flag: incomeStated ? flag(price > 55_000 && income < 50_000) : NaN,
  };
}

/**
 * The log odds of fraud, up to a constant, as a function of the recorded values only, so that the best possible model
 * is known. Some risks grow with their feature, some only beyond a point, some act together; a missing value adds
 * nothing, but for a missing income, which adds a little.
 */
export function riskOf(application: Application): number {
  const {
    age,
    phone_reuse_count: phone,
    email_reuse_count: email,
    email_domain_category: domain,
    dealer_fraud_percentile: percentile,
    ltv_ratio: ltv,
    downpayment_income_ratio: down,
    mileage_plausibility_score: mileage,
  } = application;
  const mismatch = application.province_ip_mismatch === 1;
  const stretched = application.high_value_low_income_flag === 1;
  let risk = 0;

  if (age < 25) risk += 0.06 * (25 - age);
  if (age > 68) risk += 0.3;
  if (application.sin_valid_flag === 0) risk += 2.2;
  risk += [-0.5, -0.2, 0, 0.8, 1.9][domain];
  risk += 0.75 * Math.min(phone, 4) + 0.65 * Math.min(email, 4);
  if (phone > 0 && email > 0) risk += 1;
  if (application.vin_reuse_flag === 1) risk += 2.1;

  risk += 2 * (percentile - 0.5) + 12 * Math.max(0, percentile - 0.9);
  if (percentile > 0.8 && application.dealer_app_volume_24h > 8) risk += 0.8;
  if (mismatch) risk += domain === 4 ? 2 : 1.1;
  if (application.address_postal_match_flag === 0) risk += 1.3;

  if (!Number.isNaN(ltv)) risk += 1.6 * (ltv - 1) + 3 * Math.max(0, ltv - 1.2);
  if (application.purchase_loan_ratio < 0.95) risk += 0.5;
  if (down === 0) risk += stretched ? 1.2 : 0.4;
  if (down > 0.15) risk += 0.5;
  if (Number.isNaN(down)) risk += 0.4;
  if (stretched) risk += 0.9;
  if (!Number.isNaN(mileage)) risk += 4.5 * Math.max(0, 0.85 - mileage);
  return risk;
}

function drawDealer(random: Random, { dealers, cumulative }: Market): Dealer {
  const target = random.uniform() * cumulative[cumulative.length - 1];
  let low = 0;
  let high = dealers.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle] > target) high = middle;
    else low = middle + 1;
  }
  return dealers[low];
}

function flag(raised: boolean): number {
  return raised ? 1 : 0;
}

function fourDecimals(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
