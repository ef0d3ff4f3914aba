package ratelimit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatesock/gatesock/internal/bounded"
)

// maxAccounts is how many keys a [Limiter] by a quota remembers. It asks the store again for a
// key that it has forgotten; what was reserved for that key is lost.
const maxAccounts = 100_000

// ledger is a quota, with what this process has reserved of it for each key.
type ledger struct {
	store QuotaStore
	quota Quota
	batch int64
	now   func() time.Time

	mu       sync.Mutex
	accounts *bounded.Map[string, *account]
	current  window
}

// window is a period of a quota.
type window struct{ start, end time.Time }

func newLedger(store QuotaStore, q Quota, batch int64, now func() time.Time) *ledger {
	accounts := bounded.New[string, *account](maxAccounts, nil)
	return &ledger{store: store, quota: q, batch: batch, now: now, accounts: accounts}
}

// take takes n units from what is reserved for a key, or from what the store has.
func (l *ledger) take(ctx context.Context, key string, n int) (Decision, error) {
	want := int64(max(n, 0))
	now := l.now()
	w := l.window(now)
	allowed, remaining, err := l.account(key).spend(ctx, w, want)
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Limit: int(l.quota.Max), Allowed: allowed, Remaining: int(remaining)}
	switch {
	case allowed:
	case want > l.quota.Max:
		d.RetryAfter = Never
	default:
		d.RetryAfter = w.end.Sub(now)
	}
	return d, nil
}

// window returns the present period. Finding it is slow, so the last answer is kept.
func (l *ledger) window(now time.Time) window {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.current.start) || !now.Before(l.current.end) {
		l.current.start, l.current.end = l.quota.Window(now)
	}
	return l.current
}

func (l *ledger) account(key string) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.accounts.Get(key)
	if !ok {
		a = &account{ledger: l, key: key, turn: make(chan struct{}, 1)}
		l.accounts.Set(key, a)
	}
	return a
}

// account is what a process knows about one key, in one window.
type account struct {
	ledger *ledger
	key    string

	turn   chan struct{} // holds a value while a call has the account: the fields of this block
	window window
	left   int64 // reserved, and not used yet
	total  int64 // used and reserved by all processes, as far as known; it never shrinks

	// failed is the last failure of the store. Calls that were waiting for their turn when it
	// happened share it, instead of asking again one after another.
	failed atomic.Pointer[failure]
}

// failure is one failure of the store.
type failure struct{ err error }

// spend takes n units, and returns whether there were enough and how many remain for this
// process.
func (a *account) spend(ctx context.Context, w window, n int64) (allowed bool, remaining int64, err error) {
	seen := a.failed.Load()
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return false, 0, context.Cause(ctx)
	}
	if !a.window.start.Equal(w.start) {
		a.window, a.left, a.total = w, 0, 0
	}
	if a.left < n {
		if f := a.failed.Load(); f != seen { // while this call was waiting
			return false, 0, f.err
		}
		if err := a.reserve(ctx, n); err != nil {
			if ctx.Err() == nil {
				a.failed.Store(&failure{err})
			}
			return false, 0, err
		}
	}
	if allowed = a.left >= n; allowed {
		a.left -= n
	}
	return allowed, max(a.ledger.quota.Max-a.total, 0) + a.left, nil
}

// reserve takes from the store what is missing to n units: a whole batch if the quota has it, or
// else exactly what is missing. It does not ask for units that are known to be used.
func (a *account) reserve(ctx context.Context, n int64) error {
	missing, most := n-a.left, a.ledger.quota.Max
	for range 2 { // the first answer may show that less than a whole batch is left
		ask := min(max(missing, a.ledger.batch), most-a.total)
		if ask < missing {
			return nil
		}
		used, err := a.ledger.store.Consume(ctx, a.key, a.window.start, a.window.end, ask, most)
		if err != nil {
			return err
		}
		a.total = max(a.total, used.Total)
		if used.Allowed {
			a.left += ask
			return nil
		}
	}
	return nil
}
