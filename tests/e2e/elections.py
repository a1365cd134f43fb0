# SPDX-License-Identifier: MIT
"""
A new primary that does not know yet which of its entries are on a majority: it has every acknowledged write, and reads at majority
don't show the last ones. For tests of mongo_server.py's sets.
"""


class BehindElection:
    """
    Between enter and elect(), writes are acknowledged by the first member and the second, which learns of no commit point. Then the
    first dies and the second is elected; it catches up when the third may copy.
    """

    def __init__(self, mongo):
        self.mongo = mongo
        self.first, self.second, self.third = mongo.members
        assert mongo.primary is self.first
        self.second.blind()
        self.third.hold()

    def elect(self):
        self.first.kill()
        self.mongo.elect(self.second)
        self.second.blind(False)

    def catch_up(self):
        self.third.hold(False)
