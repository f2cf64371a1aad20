/* Exponential draws and probabilities.  They are a quarter of what a sample costs, so their series
 * divide by nothing that is known beforehand, and are summed up in pairs: as one chain of
 * multiplications and additions they took three times as long. */
#include "sigsafe/heap_draw.h"

/* ln(x) for x in (0, 1], to 1e-12: x = 2^e * m with m in [0.7, 1.42), and ln m by the series of
 * atanh. */
static double logarithm(double x)
{
    union {
        double number;
        uint64_t bits;
    } m = {x};
    int e = (int)(m.bits >> 52) - 1023;
    double z, z2, z4, sum;

    m.bits = (m.bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
    if (m.number > 1.4142135623730951) {
        m.number /= 2;
        e++;
    }
    z = (m.number - 1) / (m.number + 1); /* |z| < 0.172 */
    z2 = z * z;
    z4 = z2 * z2;
    sum = (1 + z2 * (1.0 / 3)) + z4 * (1.0 / 5 + z2 * (1.0 / 7)) +
          z4 * z4 * (1.0 / 9 + z2 * (1.0 / 11) + z4 * (1.0 / 13));
    return 2 * z * sum + e * 0.6931471805599453;
}

uint64_t pp_sig_heap_draw(uint64_t interval_bytes, uint64_t random)
{
    /* 53 bits, in (0, 1]. */
    const double uniform = (double)((random >> 11) + 1) * 0x1p-53;
    const double bytes = -logarithm(uniform) * (double)interval_bytes;

    return bytes < 0x1p62 ? (uint64_t)bytes + 1 : UINT64_C(1) << 62;
}

double pp_sig_heap_probability(uint64_t size_bytes, uint64_t interval_bytes)
{
    double x = (double)size_bytes / (double)interval_bytes, x2, x4, sum;
    int halvings = 0;

    if (interval_bytes <= 1 || x > 40)
        return 1;
    for (; x > 1.0 / 16; halvings++)
        x /= 2;
    /* 1 - exp(-x) = x - x^2/2! + x^3/3! .. to 1e-16, without the cancellation of the subtraction.
     */
    x2 = x * x;
    x4 = x2 * x2;
    sum = (1 - x * (1.0 / 2)) + x2 * (1.0 / 6 - x * (1.0 / 24)) +
          x4 * (1.0 / 120 - x * (1.0 / 720) + x2 * (1.0 / 5040 - x * (1.0 / 40320))) +
          x4 * x4 * (1.0 / 362880);
    sum *= x;
    for (; halvings > 0; halvings--) /* 1 - q^2 from 1 - q */
        sum *= 2 - sum;
    return sum;
}
