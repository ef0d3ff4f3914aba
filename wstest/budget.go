package wstest

import (
	"context"
	"fmt"
	"math"
	"strings"
)

// Budget is the most that a part of a test may cost. A field that is zero is not checked;
// [None] permits nothing.
type Budget struct {
	// WriteUnits and ReadUnits are request units of DynamoDB, as it bills them: a write takes one for
	// each KB of the item, a strongly consistent read one for 4 KB, any other half of one.
	WriteUnits, ReadUnits float64
	// Posts are messages that the application sends through the [Recorder], including those that fail.
	// The answer to a request is not a post.
	Posts int
}

// None in a [Budget] permits nothing of a kind.
const None = -1

// AtMost calls f, and fails the test if the application has spent more than the budget meanwhile.
// The failure lists what was spent: units by operation and kind of item, and the posts.
//
//	h.AtMost(wstest.Budget{WriteUnits: 4, ReadUnits: 2, Posts: 2}, func() {
//		alice.Request("say", Say{Text: "hello"}).ExpectReply(nil)
//	})
//
// Units are those of the requests that package dynamo makes with the context of the handler. While
// f runs, it asks DynamoDB what they cost. A write whose condition does not hold, and a
// transaction, are computed from the items instead, which package dynamo reads for that; such a
// read counts nowhere. Stores in memory have no units: AtMost fails the test if it is to limit
// units, and no request with units has been made since the harness began.
//
// Everything counts that happens between the call of f and its end, whichever client causes it.
// Over sockets, AtMost therefore waits before and after f until the gateway is idle and everything
// sent has arrived. Calls may overlap; each counts all.
//
// AtMost panics if f is nil, or if the budget checks nothing or has a number that is negative and
// not None.
func (h *Harness) AtMost(b Budget, f func()) {
	h.t.Helper()
	if f == nil {
		panic("wstest: AtMost: f must not be nil")
	}
	b.validate()
	h.settle("before AtMost")
	spent, end := h.watch.ledger.open()
	defer end()
	f()
	h.settle("at the end of AtMost")
	end()
	if text := spent.exceeds(b, h.nameOf); text != "" {
		h.t.Errorf("wstest: AtMost: %s", text)
	}
}

func (b Budget) validate() {
	if b == (Budget{}) {
		panic("wstest: AtMost: the budget checks nothing: None permits nothing, and zero anything")
	}
	for name, limit := range map[string]float64{
		"WriteUnits": b.WriteUnits, "ReadUnits": b.ReadUnits, "Posts": float64(b.Posts),
	} {
		if math.IsNaN(limit) || limit < 0 && limit != None {
			panic(fmt.Sprintf("wstest: AtMost: %s is %v; it must not be negative, and None permits nothing", name, limit))
		}
	}
}

// settle returns when everything has happened that was caused so far.
func (h *Harness) settle(when string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), h.patience())
	defer cancel()
	for _, c := range h.connected() {
		if c.inbox.hasEnded() {
			continue
		}
		if err := c.link.settle(ctx); err != nil {
			h.t.Fatalf("wstest: %s: %v", when, err)
		}
	}
}

// nameOf returns the name of the client of a connection for a failure.
func (h *Harness) nameOf(connectionID string) string {
	for _, c := range h.connected() {
		if c.id == connectionID {
			return c.String()
		}
	}
	return connectionID
}

// exceeds returns the text of a failure, or "" if the budget is kept.
func (s *spending) exceeds(b Budget, nameOf func(string) string) string {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	if (b.WriteUnits != 0 || b.ReadUnits != 0) && !s.ledger.metered {
		return "no request with units has been made since the harness began, so that there is nothing to compare with: " +
			"stores in memory have none; let the application use stores of package dynamo, or limit only Posts" + s.list(nameOf)
	}
	total := s.total()
	var over []string
	compare := func(spent, limit float64, what string) {
		checked := limit != 0
		if limit = max(limit, 0); checked && spent > limit { // None is less than 0
			over = append(over, fmt.Sprintf("%s, want at most %v", amount(spent, what), limit))
		}
	}
	compare(total.Write, b.WriteUnits, "write unit")
	compare(total.Read, b.ReadUnits, "read unit")
	compare(float64(len(s.posts)), float64(b.Posts), "post")
	if over == nil {
		return ""
	}
	return strings.Join(over, "; ") + s.list(nameOf)
}
