// The golden scenarios in people's words: what each is called, and why it ends as it does. X is Bagels, Y Bananas, Z
// Strawberries: SKUS of products.ts.

export interface Story { title: string; why: string }

const STORIES: Record<string, Story> = {
  S1: { title: "Two people fill an empty cart", why: "Both adds count: an add says how many more, so two of them are a sum, in whatever order they arrive." },
  S2: { title: "Two people want more of the same", why: "Both adds count on top of what was there. Neither overwrites the other, since neither said a total." },
  S3: { title: "Two people, one bag of bagels", why: "A’s removal took only what A had seen: the first three. B’s add was new to it, so it stayed." },
  S4: { title: "Removed, then wanted after all", why: "The removal took the three that were there. The add came after it and is a change of its own, so only that one counts." },
  S5: { title: "The ghost of a removed item", why: "The first add arrived once more, but every copy had seen it already and knew that it was removed. What left never comes back by itself." },
  S6: { title: "One says “ten”, the other “one more”", why: "A’s ten replaced what A had seen. B’s add was not among that, so it counts on top: eleven." },
  S7: { title: "Five or nine? Two people type a number", why: "Both said a total, and only one can stand: 9 was set later, so 9 it is, on every copy." },
  S8: { title: "One types a number, the other removes", why: "B’s removal took the three it had seen. A’s five was new to it, so it stayed." },
  S9: { title: "Both take the last one out", why: "Both took one off the same bagel. A line never goes below zero, so nothing is left, and nothing is owed." },
  S10: { title: "No debt after taking too much", why: "Two were taken off where only one was. That left no debt behind: the next add shows in full." },
  S11: { title: "Both take some off", why: "Both amounts were taken off: one and two from five leave two." },
  S12: { title: "Taken off what was removed", why: "A took one off the old five. B removed those five, and A’s one vanished with them; B’s three are new and whole." },
  S13: { title: "One less, or exactly four?", why: "B’s four replaced the five, and what A had taken off the five vanished with them." },
  S14: { title: "One clears, the other goes on shopping", why: "Clearing took only what A had seen. What B added meanwhile was new to it, so it stayed." },
  S15: { title: "Both save it for later", why: "It is the same two bagels that both moved. Moving is a place, not a copy, so they were moved once." },
  S16: { title: "Saved by one, wanted by the other", why: "A moved the two that it had seen. B’s one was added unseen, so it stayed in the cart." },
  S17: { title: "Saved, and taken back", why: "A moved it back last, later than both saves, so it is in the cart." },
  S18: { title: "One pays, the other adds", why: "The order is exactly what the one who paid saw. What was added unseen waits in the next cart." },
  S19: { title: "One pays, the other removes", why: "The order was made before the removal was heard of, so it stands; the cart is empty." },
  S20: { title: "A guest signs in, twice", why: "The guest’s changes joined the user’s. Joining again brought the same changes, all seen already, so nothing was doubled." },
  S21: { title: "Two totals from two carts", why: "Each number was set in a cart of its own, so neither replaces the other: when the carts join, they add up." },
  S22: { title: "A late edit of a cart that was merged", why: "The guest’s cart was sealed when it joined, but still passes on what reaches it: the late add arrived in the user’s cart." },
  S23: { title: "A coupon removed and applied at once", why: "A removed the coupon that it had seen. B’s is a new one, so it stayed." },
  S24: { title: "Two notes for one door", why: "There is one note, and c was written later than b, so c it is, on every copy." },
  S25: { title: "An hour offline, and a clock that is wrong", why: "B’s removal took the three that it had seen. A’s add was new to it; what time A’s clock says plays no part." },
  S26: { title: "Ann’s mug and Bob’s", why: "Another engraving is another line. The two for Ann are the same line, so they add up." },
  S27: { title: "Taking off what came in two adds", why: "A took three off five, and B two: together all of it, so nothing is left." },
  S28: { title: "Saved ones stay saved", why: "A’s add went to the cart. The two that were saved for later were not touched." },
  S29: { title: "Clearing spares what is saved", why: "Clearing takes what is in the cart. What is saved for later is elsewhere, so it stayed." },
  S30: { title: "One saves it, the other throws it away", why: "B removed the very two that A moved. A removal is final for what it has seen, wherever that was moved." },
  S31: { title: "One press, heard in two regions", why: "The same request with the same key came to two regions. Both made the very same change of it, so it counts once." },
  S32: { title: "A removal that is sent twice", why: "The retry was known by its key and not done again, so the bagel that was added in between stayed." },
  S33: { title: "Nearly ten thousand bagels, twice", why: "Each side allowed its nine, for it saw room. Together they are over the limit: no add is lost, the true sum is shown, and the line says so." },
  S34: { title: "Clearing an old view of the cart", why: "The request said what it had seen: the bagels. The bananas came later, so they stayed." },
  S35: { title: "A removal that is faster than its add", why: "The removal named the bagels before this region had heard of them. When they arrived, they were known to be removed." },
  S36: { title: "A doubled browser tab", why: "Two copies made changes of one name. One of them noticed, took a new name and made its edit again: both adds count." },
  S37: { title: "A cart that two people claim", why: "The guest’s cart has joined one user’s already. The second was refused, and nothing was taken from the first." },
  S38: { title: "Removing only what was saved", why: "The removal was of what is saved for later. The one in the cart is elsewhere, so it stayed." },
};

export const story = (id: string): Story => STORIES[id] ?? { title: id, why: "" };
