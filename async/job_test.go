package async_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/async"
)

func aJob() async.Job {
	return async.Job{ID: "c/m", Route: "tür", ConnectionID: "c=", RequestID: "\"1", Event: []byte(`{"body":"日本🎉\u2028<&>"}`)}
}

func TestJobArrivesAsItWas(t *testing.T) {
	t.Parallel()
	data, err := aJob().Encode()
	require.NoError(t, err)
	require.NotRegexp(t, `[^\x20-\x7e]`, string(data))
	got, err := async.ParseJob(data)
	require.NoError(t, err)
	require.JSONEq(t, string(aJob().Event), string(got.Event))
	got.Event = aJob().Event
	require.Equal(t, aJob(), got)
}

// TestSizeOfJobs: the largest messages fit into one of SQS, which has 1 MiB.
func TestSizeOfJobs(t *testing.T) {
	t.Parallel()
	for _, character := range []string{"x", "\\\"", "é", "日", "🎉"} {
		body, err := json.Marshal(strings.Repeat(character, (128<<10)/len(character)))
		require.NoError(t, err)
		job := aJob()
		job.Event = []byte(`{"body":` + string(body) + `}`)
		data, err := job.Encode()
		require.NoError(t, err)
		require.Less(t, len(data), 512<<10, character)
	}
}

func TestMalformedJobs(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*async.Job){
		"no ID":                  func(j *async.Job) { j.ID = "" },
		"a long ID":              func(j *async.Job) { j.ID = strings.Repeat("x", 513) },
		"an ID that is not text": func(j *async.Job) { j.ID = "\xff" },
		"no route":               func(j *async.Job) { j.Route = "" },
		"no connection":          func(j *async.Job) { j.ConnectionID = "" },
		"no event":               func(j *async.Job) { j.Event = nil },
		"half an event":          func(j *async.Job) { j.Event = []byte("{") },
		"another event":          func(j *async.Job) { j.Event = []byte("[]") },
	} {
		job := aJob()
		change(&job)
		_, err := job.Encode()
		require.ErrorIs(t, err, async.ErrBadJob, name)
	}
	data, err := aJob().Encode()
	require.NoError(t, err)
	for _, text := range []string{
		"", "x", "{}", `{"v":2` + strings.TrimPrefix(string(data), `{"v":1`), strings.Replace(string(data), `"c="`, `""`, 1),
		strings.Replace(string(data), `"event":{`, `"event":7,"x":{`, 1), string(data) + "x",
	} {
		_, err := async.ParseJob([]byte(text))
		require.ErrorIs(t, err, async.ErrBadJob, text)
	}
}

// FuzzParseJob: what is parsed can be encoded, and is parsed again as the same.
func FuzzParseJob(f *testing.F) {
	data, err := aJob().Encode()
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte(`{"v":1,"job":"a","route":"b","connection":"c","event":{}}`))
	f.Add([]byte(`{"v":1,"job":"\ud800","route":"b","connection":"c","event": { } }`))
	f.Fuzz(func(t *testing.T, data []byte) {
		job, err := async.ParseJob(data)
		if err != nil {
			require.ErrorIs(t, err, async.ErrBadJob)
			return
		}
		again, err := job.Encode()
		require.NoError(t, err)
		for _, b := range again {
			require.Less(t, b, byte(0x80))
		}
		got, err := async.ParseJob(again)
		require.NoError(t, err)
		require.JSONEq(t, string(job.Event), string(got.Event))
		got.Event = job.Event
		require.Equal(t, job, got)
	})
}
