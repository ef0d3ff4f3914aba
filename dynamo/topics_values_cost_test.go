package dynamo_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
	"github.com/gatesock/gatesock/topic"
)

// TestValueCosts checks what the calls of a state topic cost: to set a value is a write unit for
// each KB, and one for the counter.
func TestValueCosts(t *testing.T) {
	t.Parallel()
	m := meter.New(dynamotest.Client(t))
	clock := testclock.New(testclock.Noon())
	ts := openIn(t, m, dynamotest.Namespace(t), dynamo.WithClock(clock.Now)).Topics()
	ctx := t.Context()
	store := func(key string, bytes int) func() error {
		return func() error {
			_, err := ts.StoreValue(ctx, "t", key, []byte(`"`+strings.Repeat("x", bytes-2)+`"`))
			return err
		}
	}
	replace := func(key string, bytes int) func() error {
		return func() error {
			last, err := ts.GetValue(ctx, "t", key)
			if err == nil {
				_, err = ts.ReplaceValue(ctx, "t", key, last.Version, []byte(`"`+strings.Repeat("x", bytes-2)+`"`))
			}
			return err
		}
	}
	requirePrices(
		t, m,
		priced{name: "a value of 900 bytes", call: store("k", 900), price: meter.Units{Write: 1}},
		priced{name: "the same again", call: store("k", 900), price: meter.Units{Write: 1}},
		priced{name: "one of 4 KB", call: store("k", 4000), price: meter.Units{Write: 4}},
		priced{name: "a smaller one after it", call: store("k", 100), price: meter.Units{Write: 4}},
		priced{name: "its deletion", call: func() error {
			_, err := ts.StoreValue(ctx, "t", "k", nil)
			return err
		}, price: meter.Units{Write: 1}},
		priced{name: "a value in place of the mark", call: replace("k", 900), price: meter.Units{Read: 1, Write: 1}},
		priced{name: "one in place of that", call: replace("k", 900), price: meter.Units{Read: 1, Write: 1}},
		priced{name: "one of 4 KB in place of that", call: replace("k", 4000), price: meter.Units{Read: 1, Write: 4}},
		priced{name: "one that another has outrun", call: func() error {
			if _, err := ts.ReplaceValue(ctx, "t", "k", 1, []byte(`1`)); !errors.Is(err, topic.ErrChanged) {
				return fmt.Errorf("the error is %w", err)
			}
			return nil
		}, price: meter.Units{Write: 4}},
		priced{name: "a small one", call: store("k", 2), price: meter.Units{Write: 4}},
		priced{name: "the counter", call: func() error {
			_, err := ts.RaiseCounter(ctx, "t")
			return err
		}, price: meter.Units{Write: 1}},
		priced{name: "the counters of two topics", call: func() error {
			_, err := ts.Counters(ctx, []string{"t", "u"})
			return err
		}, price: meter.Units{Read: 2}, local: meter.Units{Read: 1}},
		priced{name: "one value", call: func() error {
			_, err := ts.GetValue(ctx, "t", "k")
			return err
		}, price: meter.Units{Read: 1}},
	)
	_, err := ts.ReadFilters(ctx, "t")
	require.NoError(t, err)
	require.Equal(t, meter.Units{Read: 1}, m.Take().Documented, "no filters; DynamoDB Local charges nothing")
	for i := range 40 {
		require.NoError(t, ts.KeepFilter(ctx, "t", topic.KeptFilter{
			ID: fmt.Sprintf("%016d", i), Filter: `{"where":{"room":"kitchen"}}`, Kept: clock.Now(), Nonce: strings.Repeat("n", 26),
		}))
	}
	requirePrices(
		t, m,
		priced{name: "40 filters, which are below 8 KB", call: func() error {
			_, err := ts.ReadFilters(ctx, "t")
			return err
		}, price: meter.Units{Read: 2}},
		priced{name: "to keep one", call: func() error {
			return ts.KeepFilter(ctx, "t", topic.KeptFilter{ID: "1", Filter: `{}`, Kept: clock.Now(), Nonce: "n"})
		}, price: meter.Units{Write: 1}},
	)
	requireTurnPrices(t, m, ts)
}

// requireTurnPrices checks that a value that is sampled out costs a write unit, and that the call
// that waits costs 3.
func requireTurnPrices(t *testing.T, m *meter.Meter, ts *dynamo.Topics) {
	t.Helper()
	turn := topic.Turn{Topic: "t", Filter: "f", Key: "k", Every: time.Minute, Patience: time.Hour}
	take := func(want string) func() error {
		return func() error {
			taken, err := ts.TakeTurn(t.Context(), turn)
			switch {
			case err != nil:
				return err
			case taken.Mine != (want == "mine"), (taken.Wait > 0) != (want == "wait"):
				return errors.New("the turn is another: " + fmt.Sprint(taken))
			case taken.Ticket != "":
				turn.Ticket = taken.Ticket
			}
			return nil
		}
	}
	requirePrices(
		t, m,
		priced{name: "a turn", call: take("mine"), price: meter.Units{Write: 1}},
		priced{name: "to wait for the next", call: take("wait"), price: meter.Units{Write: 2}},
		priced{name: "to have it", call: take("mine"), price: meter.Units{Write: 1}},
	)
	turn.Ticket = ""
	requirePrices(t, m, priced{name: "to wait again", call: take("wait"), price: meter.Units{Write: 2}})
	turn.Ticket = ""
	requirePrices(t, m, priced{name: "another waits already", call: take("nothing"), price: meter.Units{Write: 1}})
}

// A snapshot costs little more than its values, however many fit into a page.
func TestSnapshotCosts(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int]float64{100: 14, 1000: 35} {
		m := meter.New(dynamotest.Client(t))
		ts := openIn(t, m, dynamotest.Namespace(t)).Topics()
		for i := range 400 {
			_, err := ts.StoreValue(t.Context(), "t", fmt.Sprintf("%04d", i), []byte(`"`+strings.Repeat("x", bytes-2)+`"`))
			require.NoError(t, err)
		}
		m.Take()
		page, err := ts.ReadValues(t.Context(), topic.ValuesQuery{Topic: "t", Bytes: 126 << 10})
		require.NoError(t, err)
		require.InDelta(t, want, m.Take().Documented.Read, 2, "%d values of %d bytes", len(page.Values), bytes)
	}
}
