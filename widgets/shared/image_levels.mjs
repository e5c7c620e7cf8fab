// @ts-check

/** So many pixels are counted at most; every one of them is drawn. */
const COUNTED = 1 << 20;

/**
 * The values of one view: 16-bit levels, `value = offset + scale * level`; level 0 is no number.
 */
export class ImageLevels {
  /** @param {Uint16Array} data @param {number} scale @param {number} offset */
  constructor(data, scale, offset) {
    this.data = data;
    this.scale = scale;
    this.offset = offset;
    /** @type {Uint32Array | undefined} */
    this.counted = undefined;
    this.total = 0;
  }

  /** How many pixels have each level; counted when it is asked for first. */
  get counts() {
    if (this.counted) return this.counted;
    const counts = new Uint32Array(65536);
    const { data } = this;
    const step = Math.max(1, Math.floor(data.length / COUNTED)) | 1; // an odd step meets all columns
    for (let i = 0; i < data.length; i += step) counts[data[i]] += 1;
    this.total = Math.ceil(data.length / step) - counts[0];
    this.counted = counts;
    return counts;
  }

  /** @param {number} level */
  value(level) {
    return this.offset + this.scale * level;
  }

  /** @param {number} value */
  level(value) {
    return (value - this.offset) / this.scale;
  }

  /** The value below which a share of the pixels lies. @param {number} share  0 to 1 */
  quantile(share) {
    const counts = this.counts;
    const wanted = share * Math.max(0, this.total - 1);
    let sum = 0;
    for (let level = 1; level < 65536; level += 1) {
      sum += counts[level];
      if (sum > wanted) return this.value(level);
    }
    return this.value(65535);
  }

  /** @returns {{ mean: number, deviation: number }} */
  get moments() {
    const counts = this.counts;
    if (!this.total) return { mean: 0, deviation: 1 };
    let sum = 0;
    for (let level = 1; level < 65536; level += 1) sum += counts[level] * level;
    const mean = sum / this.total;
    let squares = 0;
    for (let level = 1; level < 65536; level += 1) if (counts[level]) squares += counts[level] * (level - mean) ** 2;
    return { mean: this.value(mean), deviation: this.scale * Math.sqrt(squares / this.total) };
  }

  /**
   * How many pixels lie in each of about so many equal steps. Counts of electrons and their means
   * have few values: a step then holds the same number of them everywhere, or there would be a comb.
   *
   * @param {number} bins
   * @param {number} low
   * @param {number} high
   */
  histogram(bins, low, high) {
    const counts = this.counts;
    /** @type {number[]} */
    const levels = [];
    const end = Math.min(65535, Math.floor(this.level(high)));
    for (let level = Math.max(1, Math.ceil(this.level(low))); level <= end; level += 1) if (counts[level]) levels.push(level);
    // in the middle every value is there, at the ends some are not
    const [from, to] = [Math.floor(levels.length * 0.25), Math.floor(levels.length * 0.75)];
    const apart = to > from ? (levels[to] - levels[from]) / (to - from) : 1;
    const inner = levels.slice(from, to);
    const even = levels.length < 8 * bins && inner.every((one, i) => Math.abs(one - levels[from] - i * apart) < 1.1);
    const range = (high - low) / this.scale;
    const width = even ? Math.max(1, Math.round(range / bins / apart)) * apart : range / bins;
    const first = even && inner.length ? levels[from] - apart / 2 : this.level(low);
    const before = Math.floor((this.level(low) - first) / width);
    const found = new Float64Array(Math.max(1, Math.ceil((this.level(high) - first) / width) - before));
    for (const level of levels) found[Math.floor((level - first) / width) - before] += counts[level];
    return { counts: found, low: this.value(first + before * width), step: width * this.scale };
  }
}

/**
 * What is drawn black and white.
 *
 * @param {ImageLevels} levels
 * @param {{ mode: string, percent: number, sigma: number, low: number | null, high: number | null }} contrast
 * @returns {[number, number]} values, the first below the second
 */
export function imageLimits(levels, contrast) {
  let low = contrast.low ?? 0;
  let high = contrast.high ?? 1;
  if (contrast.mode === "percentile") {
    low = levels.quantile(contrast.percent / 100);
    high = levels.quantile(1 - contrast.percent / 100);
  } else if (contrast.mode === "sigma") {
    const { mean, deviation } = levels.moments;
    low = mean - contrast.sigma * deviation;
    high = mean + contrast.sigma * deviation;
  }
  if (!(low < high)) high = low + Math.max(Math.abs(low) * 1e-6, levels.scale / 2);
  return [low, high];
}
