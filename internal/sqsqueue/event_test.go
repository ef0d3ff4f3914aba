package sqsqueue

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReceives: an event without the count, or with something else in its place, is an event.
func TestReceives(t *testing.T) {
	t.Parallel()
	for attributes, want := range map[string]int{
		`{"ApproximateReceiveCount":"2"}`: 2, `{"ApproximateReceiveCount":2}`: 2, `{"ApproximateReceiveCount":null}`: 0,
		`{"ApproximateReceiveCount":"-1"}`: 0, `{"ApproximateReceiveCount":"x"}`: 0, `{"ApproximateReceiveCount":[1]}`: 0,
		`{}`: 0, `null`: 0, `""`: 0, `[1]`: 0,
	} {
		records, err := Parse([]byte(`{"Records":[{"messageId":"m","body":"b","receiptHandle":"h","eventSource":"aws:sqs","attributes":` +
			attributes + `}]}`))
		require.NoError(t, err, attributes)
		require.Equal(t, []Record{{"m", "h", "b", want}}, records, attributes)
	}
	require.Zero(t, (&record{}).receives())
}

// TestServe: each message that failed is named once.
func TestServe(t *testing.T) {
	t.Parallel()
	var served, failed []string
	answer, err := Serve([]byte(`{"Records":[{"messageId":"a","body":"1","eventSource":"aws:sqs"},`+
		`{"messageId":"b","body":"2","eventSource":"aws:sqs"},{"messageId":"a","body":"3","eventSource":"aws:sqs"}]}`),
		func(r Record) error {
			served = append(served, r.Body)
			if r.MessageID == "a" {
				return errors.New(r.Body)
			}
			return nil
		}, func(r Record, err error) { failed = append(failed, r.MessageID+err.Error()) })
	require.NoError(t, err)
	require.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"a"}]}`, string(answer))
	require.Equal(t, []string{"1", "2", "3"}, served)
	require.Equal(t, []string{"a1"}, failed)
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int32{
		-time.Second: 0, 0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, 15 * time.Minute: 900, math.MaxInt64: 900,
	} {
		require.Equal(t, want, seconds(d, maxDelay), d)
	}
}

// FuzzEvent: whatever arrives, each record that is given can be named in the answer.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{
		`{"Records":[]}`,
		`{"Records":[{"messageId":"m","body":"b","eventSource":"aws:sqs","attributes":{"ApproximateReceiveCount":"2"}}]}`,
		`{"Records":[{"messageId":"","eventSource":"aws:sqs"}]}`,
		`{"Records":[null]}`, `{"records":[{}]}`, `{"Records":null}`, `[]`, `{`, `{"Records":[{"messageId":1}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		records, err := Parse(payload)
		if err != nil {
			require.Nil(t, records)
			require.ErrorContains(t, err, "SQS event")
			return
		}
		for _, r := range records {
			require.NotEmpty(t, r.MessageID)
			require.GreaterOrEqual(t, r.Receives, 0)
		}
	})
}
