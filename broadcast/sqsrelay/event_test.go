package sqsrelay

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAttributesRefuseNoBatch: they are only for the log.
func TestAttributesRefuseNoBatch(t *testing.T) {
	t.Parallel()
	for attributes, want := range map[string]string{
		`{"ApproximateReceiveCount":"2"}`: "2", `{"ApproximateReceiveCount":2}`: "2", `{"ApproximateReceiveCount":null}`: "",
		`{}`: "", `null`: "", `""`: "", `[1]`: "",
	} {
		records, err := parseEvent([]byte(`{"Records":[{"messageId":"m","body":"b","eventSource":"aws:sqs","attributes":` + attributes + `}]}`))
		require.NoError(t, err, attributes)
		require.Equal(t, want, records[0].receives(), attributes)
	}
	require.Empty(t, record{}.receives())
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
		records, err := parseEvent(payload)
		if err != nil {
			require.Nil(t, records)
			require.ErrorContains(t, err, "sqsrelay: ")
			return
		}
		for _, r := range records {
			require.NotEmpty(t, r.MessageID)
		}
	})
}
