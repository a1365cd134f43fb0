# SPDX-License-Identifier: MIT
"""Which todo is asked for next: few are asked for often, most hardly ever (Zipf's law)."""

import bisect
import itertools


class Zipf:
    """Ranks from 1 to count, the k-th with a weight of k ** -exponent. A draw is one search in a table made beforehand."""

    def __init__(self, count, exponent):
        self.sums = list(itertools.accumulate(rank**-exponent for rank in range(1, count + 1)))

    def rank(self, random):
        """random: a number from 0 to below 1. The last rank takes what rounding might leave over."""
        return bisect.bisect_right(self.sums, random * self.sums[-1], hi=len(self.sums) - 1) + 1

    def share(self, rank):
        """How much of all draws the first ranks get."""
        return self.sums[rank - 1] / self.sums[-1]
