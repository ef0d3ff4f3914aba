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
	"github.com/gatesock/gatesock/fragment"
	"github.com/gatesock/gatesock/fragment/fragmenttest"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
)

func TestFragmentsConformance(t *testing.T) {
	t.Parallel()
	fragmenttest.Run(t, func(t *testing.T, now func() time.Time) (a, b fragment.Store) {
		t.Helper()
		namespace := dynamotest.Namespace(t)
		open := func() fragment.Store {
			return openIn(t, dynamotest.Client(t), namespace, dynamo.WithClock(now)).Fragments()
		}
		return open(), open()
	})
}

func fragmentsOf(t *testing.T, api dynamo.API, namespace string) fragment.Store {
	t.Helper()
	return openIn(t, api, namespace, stoppedAt(testclock.Noon())).Fragments()
}

func fragmentLimits() fragment.Limits { return fragment.Limits{Size: 256 << 10, Messages: 4} }

func pieceOf(message string, index, count int, data string) fragment.Piece {
	return fragment.Piece{ConnectionID: "c", Message: message, Index: index, Count: count, Data: data}
}

// A call whose answer is lost has the same result as one whose answer arrives, carried out or not:
// each write of the call that begins a message, and of the one that completes it. The same piece
// comes a second time after the loss, and does not get the message.
func TestFragmentsWithALostAnswer(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{false, true} {
		for index, writes := range []int{3, 2} {
			for after := range writes {
				t.Run(fmt.Sprintf("early=%t/piece=%d/write=%d", early, index, after), func(t *testing.T) {
					t.Parallel()
					lostFragmentAnswer(t, early, index, after)
				})
			}
		}
	}
}

func lostFragmentAnswer(t *testing.T, early bool, index, after int) {
	t.Helper()
	namespace := dynamotest.Namespace(t)
	s := fragmentsOf(t, dynamotest.Client(t), namespace)
	pieces := []fragment.Piece{pieceOf("m", 0, 2, "a"), pieceOf("m", 1, 2, "b")}
	var got []string
	add := func(s fragment.Store, p fragment.Piece) {
		message, err := s.Add(t.Context(), p, fragmentLimits())
		require.NoError(t, err)
		if message != nil {
			got = append(got, string(message))
		}
	}
	if index == 1 {
		add(s, pieces[0])
	}
	api := unheardOnce(t)
	api.early, api.after = early, after
	api.meanwhile = func() { add(s, pieces[index]) }
	add(fragmentsOf(t, api, namespace), pieces[index])
	require.True(t, api.lost)
	for range 2 {
		add(s, pieces[1])
	}
	require.Equal(t, []string{"ab"}, got)
}

// Prices of a message of 200 KB in 8 fragments, and of what is refused.
func TestFragmentsCost(t *testing.T) {
	t.Parallel()
	m := meter.New(dynamotest.Client(t))
	s := fragmentsOf(t, m, dynamotest.Namespace(t))
	add := func(p fragment.Piece, want error) func() error {
		return func() error {
			if _, err := s.Add(t.Context(), p, fragmentLimits()); !errors.Is(err, want) {
				return fmt.Errorf("the error is %w, not %w", err, want)
			}
			return nil
		}
	}
	data := strings.Repeat("x", 25_500)
	require.NoError(t, add(pieceOf("another", 0, 2, "x"), nil)())
	m.Take()
	requirePrices(t, m, priced{name: "the first fragment", price: meter.Units{Write: 27, Read: 2}, call: add(pieceOf("m", 0, 8, data), nil)})
	for i := 1; i < 7; i++ {
		requirePrices(t, m, priced{name: "a fragment", price: meter.Units{Write: 26, Read: 1}, call: add(pieceOf("m", i, 8, data), nil)})
	}
	requirePrices(
		t, m,
		priced{name: "the last fragment", price: meter.Units{Write: 26, Read: 51}, call: add(pieceOf("m", 7, 8, data), nil)},
		priced{name: "a fragment again", price: meter.Units{Read: 1}, call: add(pieceOf("m", 7, 8, data), nil)},
		priced{name: "one that contradicts", price: meter.Units{Read: 1}, call: add(pieceOf("m", 7, 9, data), fragment.ErrContradiction)},
	)
}

// An item that this package has not written so is an error that names the attribute.
func TestFragmentsThatAreNot(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	s := fragmentsOf(t, dynamotest.Client(t), namespace)
	for want, bad := range map[string]attributes{
		`attribute "b" is not a number`: {"b": text("x"), "n": numeral("2"), "z": numeral("0"), "g": text("T")},
		`attribute "n" is absent`:       {"b": numeral("9999999999999"), "z": numeral("0"), "g": text("T")},
		`attribute "z" is absent`:       {"b": numeral("9999999999999"), "n": numeral("2"), "g": text("T")},
		`attribute "g" is not a string`: {"b": numeral("9999999999999"), "n": numeral("2"), "z": numeral("0"), "g": numeral("1")},
		`attribute "i" is not a set`:    {"b": numeral("9999999999999"), "n": numeral("2"), "z": numeral("0"), "g": text("T"), "i": text("1")},
		`the item is not that of`:       {"b": numeral("9999999999999"), "n": numeral("2"), "z": numeral("0"), "g": text("T#")},
	} {
		putRaw(t, namespace, "f#c", "bad", bad)
		_, err := s.Add(t.Context(), pieceOf("bad", 0, 2, "a"), fragmentLimits())
		require.ErrorContains(t, err, `dynamo: add a fragment of message "bad" of connection "c": `+want)
	}
	down := openIn(t, canned{err: errors.New("down")}, namespace).Fragments()
	_, err := down.Add(t.Context(), pieceOf("a", 0, 2, "a"), fragmentLimits())
	require.ErrorContains(t, err, `dynamo: add a fragment of message "a" of connection "c": `)
}
