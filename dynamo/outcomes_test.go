package dynamo_test

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/async/asynctest"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/internal/meter"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/internal/testclock"
)

func TestOutcomesConformance(t *testing.T) {
	t.Parallel()
	asynctest.RunOutcomes(t, func(t *testing.T, now func() time.Time) (a, b async.Outcomes) {
		t.Helper()
		namespace := dynamotest.Namespace(t)
		open := func() async.Outcomes {
			return openIn(t, dynamotest.Client(t), namespace, dynamo.WithClock(now)).Outcomes()
		}
		return open(), open()
	})
}

// claimOf returns a claim for a minute from noon.
func claimOf(token string) async.Claim {
	return async.Claim{Token: token, Until: testclock.Noon().Add(time.Minute)}
}

// Outcomes of processes whose clocks stand at noon and a minute later.
func outcomesOf(t *testing.T, api dynamo.API, namespace string) (now, later async.Outcomes) {
	t.Helper()
	return openIn(t, api, namespace, stoppedAt(testclock.Noon())).Outcomes(),
		openIn(t, api, namespace, stoppedAt(testclock.Noon().Add(time.Minute))).Outcomes()
}

// Of many deliveries of a job at once, in several processes, one gets it.
func TestJobIsClaimedOnce(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	var stores []async.Outcomes
	for range 4 {
		s, _ := outcomesOf(t, dynamotest.Client(t), namespace)
		stores = append(stores, s)
	}
	for range 10 {
		var got atomic.Int64
		var wg sync.WaitGroup
		id := dynamotest.Namespace(t)
		for i := range 16 {
			wg.Go(func() {
				_, err := stores[i%len(stores)].Claim(t.Context(), id, claimOf(strconv.Itoa(i)))
				switch {
				case err == nil:
					got.Add(1)
				case !errors.Is(err, async.ErrClaimed):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, got.Load())
	}
}

// Whatever is in an ID or a frame comes back, and no two jobs meet.
func TestOutcomesOfHostileJobs(t *testing.T) {
	t.Parallel()
	s, _ := outcomesOf(t, dynamotest.Client(t), dynamotest.Namespace(t))
	ids := []string{
		"#", "##", "j#a", "a", "a#j", "\x00", ":token", "日本\u202e", "a\u0308", "ä", strings.Repeat("x", 512), strings.Repeat("🙂", 128),
	}
	for i, id := range ids {
		want := async.Outcome{Frame: bytes.Repeat([]byte{byte(i), 0xff, '"'}, i+1), Dead: i%2 == 0}
		_, err := s.Claim(t.Context(), id, claimOf("t"))
		require.NoError(t, err)
		require.NoError(t, s.Record(t.Context(), id, "t", want))
	}
	for i, id := range ids {
		got, err := s.Claim(t.Context(), id, claimOf("t"))
		require.NoError(t, err)
		require.Equal(t, async.Outcome{Frame: bytes.Repeat([]byte{byte(i), 0xff, '"'}, i+1), Dead: i%2 == 0}, got)
	}
	large := async.Outcome{Frame: bytes.Repeat([]byte{0}, gatesock.MaxMessageSize)}
	require.NoError(t, s.Record(t.Context(), "a", "t", large))
	got, err := s.Claim(t.Context(), "a", claimOf("t"))
	require.NoError(t, err)
	require.Equal(t, large, got)
}

// A call whose answer is lost has the same result as one whose answer arrives, carried out or not.
func TestOutcomesWithALostAnswer(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"carried out": false, "not sent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := dynamotest.Namespace(t)
			lossy := func() async.Outcomes {
				api := unheardOnce(t)
				api.early = early
				s, _ := outcomesOf(t, api, namespace)
				return s
			}
			s, _ := outcomesOf(t, dynamotest.Client(t), namespace)
			_, err := lossy().Claim(t.Context(), "j", claimOf("t"))
			require.NoError(t, err)
			_, err = s.Claim(t.Context(), "j", claimOf("other"))
			require.ErrorIs(t, err, async.ErrClaimed)
			require.NoError(t, lossy().Record(t.Context(), "j", "t", async.Outcome{Frame: []byte("x")}))
			require.NoError(t, lossy().Release(t.Context(), "j", "t"))
			o, err := s.Claim(t.Context(), "j", claimOf("other"))
			require.NoError(t, err)
			require.Equal(t, async.Outcome{Frame: []byte("x")}, o)
		})
	}
}

// If another process gets the job before the repeated request, the caller does not have it.
func TestOutcomesTakenAfterALostAnswer(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	_, later := outcomesOf(t, dynamotest.Client(t), namespace)
	taken := func(id string, early bool) async.Outcomes {
		api := unheardOnce(t)
		api.early = early
		api.meanwhile = func() {
			_, err := later.Claim(t.Context(), id, async.Claim{Token: "other", Until: testclock.Noon().Add(time.Hour)})
			require.NoError(t, err)
		}
		s, _ := outcomesOf(t, api, namespace)
		return s
	}
	for _, id := range []string{"claim", "record", "release"} {
		s, _ := outcomesOf(t, dynamotest.Client(t), namespace)
		_, err := s.Claim(t.Context(), id, claimOf("t"))
		require.NoError(t, err)
	}
	_, err := taken("claim", false).Claim(t.Context(), "claim", claimOf("t"))
	require.ErrorIs(t, err, async.ErrClaimed)
	err = taken("record", true).Record(t.Context(), "record", "t", async.Outcome{Settled: true})
	require.ErrorIs(t, err, async.ErrClaimLost)
	require.NoError(t, taken("release", false).Release(t.Context(), "release", "t"))
	for _, id := range []string{"claim", "record", "release"} {
		_, err := later.Claim(t.Context(), id, claimOf("t"))
		require.ErrorIs(t, err, async.ErrClaimed, id)
	}
}

// Prices, and the expiry of items.
func TestOutcomesCost(t *testing.T) {
	t.Parallel()
	m, namespace := meter.New(dynamotest.Client(t)), dynamotest.Namespace(t)
	s, _ := outcomesOf(t, m, namespace)
	claim := func(id, token string, want error) func() error {
		return func() error {
			if _, err := s.Claim(t.Context(), id, claimOf(token)); !errors.Is(err, want) {
				return err
			}
			return nil
		}
	}
	record := func(id string, o async.Outcome) func() error {
		return func() error { return s.Record(t.Context(), id, "t", o) }
	}
	release := func() error { return s.Release(t.Context(), "large", "t") }
	large := async.Outcome{Frame: make([]byte, 10<<10-200)}
	write := func(n float64) meter.Units { return meter.Units{Write: n} }
	requirePrices(
		t, m,
		priced{name: "claim", price: write(1), call: claim("j", "t", nil)},
		priced{name: "claim of another's", price: write(1), call: claim("j", "u", async.ErrClaimed)},
		priced{name: "record", price: write(1), call: record("j", async.Outcome{Frame: make([]byte, 800)})},
	)
	const day = 24 * 60 * 60
	seconds := func(n int64) types.AttributeValue { return numeral(strconv.FormatInt(testclock.Noon().Unix()+n, 10)) }
	require.Equal(t, seconds(day+60+1), getRaw(t, namespace, "j#j", "j")["exp"], "a day after the claim")
	requirePrices(
		t, m,
		priced{name: "settle", price: write(1), call: record("j", async.Outcome{Settled: true})},
		priced{name: "release", price: write(1), call: func() error { return s.Release(t.Context(), "j", "t") }},
		priced{name: "claim of a settled one", price: write(1), call: claim("j", "u", nil)},
		priced{name: "claim", price: write(1), call: claim("large", "t", nil)},
	)
	require.Equal(t, attributes{
		"pk": text("@" + namespace + "#j#j"), "sk": text("j"), "s": numeral("1"), "exp": seconds(day + 1),
	}, getRaw(t, namespace, "j#j", "j"), "the claim has changed nothing")
	require.Equal(t, seconds(day+60+1), getRaw(t, namespace, "j#large", "j")["exp"])
	requirePrices(
		t, m,
		priced{name: "record of 10 KB", price: write(10), call: record("large", large)},
		priced{name: "settle 10 KB", price: write(10), call: record("large", async.Outcome{Settled: true})},
		priced{name: "release", price: write(1), call: release},
	)
	require.Equal(t, seconds(day+1), getRaw(t, namespace, "j#large", "j")["exp"])
	require.NotContains(t, getRaw(t, namespace, "j#large", "j"), "t")

	// A record after the end of the claim is made twice, the second time with a later expiry.
	requirePrices(t, m, priced{name: "claim", price: write(1), call: claim("late", "t", nil)})
	_, late := outcomesOf(t, m, namespace)
	requirePrices(t, m, priced{name: "late record", price: write(1), call: func() error {
		return late.Record(t.Context(), "late", "t", async.Outcome{Settled: true, Dead: true})
	}})
	later := openIn(t, m, namespace, stoppedAt(testclock.Noon().Add(time.Hour))).Outcomes()
	requirePrices(t, m, priced{name: "later record", price: write(2), call: func() error {
		return later.Record(t.Context(), "late", "t", async.Outcome{})
	}})
	require.Equal(t, seconds(day+3600+1), getRaw(t, namespace, "j#late", "j")["exp"])
}

// An item that this package has not written so is an error that names the attribute: the job is not
// taken for one that is done.
func TestOutcomesThatAreNot(t *testing.T) {
	t.Parallel()
	namespace := dynamotest.Namespace(t)
	s, _ := outcomesOf(t, dynamotest.Client(t), namespace)
	for want, bad := range map[string]attributes{
		`attribute "f" is not binary`:       {"f": text("x")},
		`attribute "s" is not a number`:     {"s": text("1"), "t": text("o"), "u": numeral("1")},
		`attribute "d" is not a number`:     {"d": text("1")},
		`attribute "s" is not a whole numb`: {"s": numeral("0.5")},
		`attribute "u" is not a number`:     {"t": text("o"), "u": text("1")},
		`attribute "u" is absent`:           {"t": text("o")},
		`attribute "t" is not a string`:     {"t": numeral("1"), "u": numeral("9999999999999")},
	} {
		putRaw(t, namespace, "j#bad", "j", bad)
		_, err := s.Claim(t.Context(), "bad", claimOf("t"))
		require.ErrorContains(t, err, `dynamo: claim job "bad": `+want)
	}
	down := openIn(t, canned{err: errors.New("down")}, namespace).Outcomes()
	_, err := down.Claim(t.Context(), "a", claimOf("t"))
	require.ErrorContains(t, err, `dynamo: claim job "a": it may be claimed: `)
	require.ErrorContains(t, down.Record(t.Context(), "a", "t", async.Outcome{}),
		`dynamo: record the outcome of job "a": it may be recorded: `)
	require.ErrorContains(t, down.Release(t.Context(), "a", "t"), `dynamo: release job "a": it may be released: `)
}
