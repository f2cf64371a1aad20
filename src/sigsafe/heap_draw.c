/* Exponential draws and probabilities. */
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
    double z, square, sum = 0;

    m.bits = (m.bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
    if (m.number > 1.4142135623730951) {
        m.number /= 2;
        e++;
    }
    z = (m.number - 1) / (m.number + 1); /* |z| < 0.172 */
    square = z * z;
    for (int k = 13; k >= 1; k -= 2)
        sum = sum * square + 1.0 / k;
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
    double x = (double)size_bytes / (double)interval_bytes, term, sum = 0;
    int halvings = 0;

    if (interval_bytes <= 1 || x > 40)
        return 1;
    for (; x > 0.5; halvings++)
        x /= 2;
    /* 1 - exp(-x) = x - x^2/2 + x^3/6 .. to 1e-16, without the cancellation of the subtraction. */
    term = x;
    for (int k = 2; k < 16 && (term > 1e-17 * x || term < -1e-17 * x); k++) {
        sum += term;
        term *= -x / k;
    }
    for (; halvings > 0; halvings--) /* 1 - q^2 from 1 - q */
        sum *= 2 - sum;
    return sum;
}
