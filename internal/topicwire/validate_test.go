package topicwire_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/topicwire"
)

func TestEpochNumber(t *testing.T) {
	t.Parallel()
	for epoch, want := range map[string]int64{
		"": 0, "1-a": 1, "12-A_b-9": 12, "9007199254740991-x": 9007199254740991, "1-" + strings.Repeat("x", 64): 1,
	} {
		n, ok := topicwire.EpochNumber(epoch)
		require.True(t, ok, epoch)
		require.Equal(t, want, n, epoch)
	}
	for _, epoch := range []string{
		"1", "-", "1-", "-a", "0-a", "01-a", "+1-a", "1.0-a", "9007199254740992-a", "99999999999999999999-a", "1-é", "1-a b",
		"1-" + strings.Repeat("x", 65), "a-1", " 1-a",
	} {
		_, ok := topicwire.EpochNumber(epoch)
		require.False(t, ok, epoch)
	}
}

// valid checks what Validate promises of a name and a position.
func valid(t *testing.T, topic string, at *topicwire.Position) {
	t.Helper()
	require.NotEmpty(t, topic)
	require.LessOrEqual(t, len(topic), topicwire.MaxTopicBytes)
	require.True(t, utf8.ValidString(topic))
	if at == nil {
		return
	}
	_, ok := topicwire.EpochNumber(at.Epoch)
	require.True(t, ok)
	require.GreaterOrEqual(t, at.Offset, int64(0))
	require.LessOrEqual(t, at.Offset, int64(topicwire.MaxOffset))
	require.False(t, at.Epoch == "" && at.Offset > 0)
}

// refused checks the error of a request that is not valid: clients see it.
func refused(t *testing.T, err error) {
	t.Helper()
	require.NotEmpty(t, err.Error())
	require.True(t, utf8.ValidString(err.Error()))
	require.Less(t, len(err.Error()), 512)
}

func FuzzSubscribe(f *testing.F) {
	f.Add([]byte(`{"topic":"a","since":{"epoch":"1-x","offset":3},"last":5,"presence":true,"as":{"n":1}}`))
	f.Add([]byte(`{"topics":[{"topic":"a"},{"topic":"b","since":{"epoch":"","offset":0}},{"topic":"a"}]}`))
	f.Add([]byte(`{"topic":"a","topics":[{}],"last":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var in topicwire.Subscribe
		if json.Unmarshal(data, &in) != nil {
			return
		}
		if err := in.Validate(); err != nil {
			refused(t, err)
			return
		}
		seen := map[string]bool{}
		for _, s := range in.All() {
			valid(t, s.Topic, s.Since)
			require.False(t, seen[s.Topic])
			seen[s.Topic] = true
			require.GreaterOrEqual(t, s.Last, 0)
			require.LessOrEqual(t, len(s.As), topicwire.MaxAsBytes)
		}
	})
}

func FuzzUnsubscribe(f *testing.F) {
	f.Add([]byte(`{"topic":"a"}`))
	f.Add([]byte(`{"topics":["a","b","a",""]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var in topicwire.Unsubscribe
		if json.Unmarshal(data, &in) != nil {
			return
		}
		if err := in.Validate(); err != nil {
			refused(t, err)
			return
		}
		for _, topic := range in.All() {
			valid(t, topic, nil)
		}
	})
}

func FuzzHistory(f *testing.F) {
	f.Add([]byte(`{"topic":"a","since":{"epoch":"1-x","offset":3},"limit":5}`))
	f.Add([]byte(`{"topic":"a","before":{"epoch":"1-x","offset":3},"last":5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var in topicwire.History
		if json.Unmarshal(data, &in) != nil {
			return
		}
		if err := in.Validate(); err != nil {
			refused(t, err)
			return
		}
		valid(t, in.Topic, in.Since)
		valid(t, in.Topic, in.Before)
		require.False(t, in.Since != nil && in.Before != nil)
		require.GreaterOrEqual(t, min(in.Last, in.Limit), 0)
	})
}

func FuzzSync(f *testing.F) {
	f.Add([]byte(`{"topics":[{"topic":"a","epoch":"1-x","offset":3,"quiet":true},{"topic":"b","counter":9,"digest":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var in topicwire.Sync
		if json.Unmarshal(data, &in) != nil {
			return
		}
		if err := in.Validate(); err != nil {
			refused(t, err)
			return
		}
		for _, at := range in.Topics {
			valid(t, at.Topic, &topicwire.Position{Epoch: at.Epoch, Offset: at.Offset})
		}
	})
}

func TestPresenceIsOfATopic(t *testing.T) {
	t.Parallel()
	require.NoError(t, topicwire.Presence{Topic: "a"}.Validate())
	require.ErrorContains(t, topicwire.Presence{}.Validate(), `"topic" must be the name of a topic`)
	require.ErrorContains(t, topicwire.Presence{Topic: "\xff"}.Validate(), `"topic" must be UTF-8`)
}

// TestSubscribedIsOneOrSeveral checks the two forms of an answer.
func TestSubscribedIsOneOrSeveral(t *testing.T) {
	t.Parallel()
	one, err := json.Marshal(topicwire.Subscribed{Result: &topicwire.Result{Topic: "a", Events: []topicwire.Event{}}})
	require.NoError(t, err)
	require.JSONEq(t, `{"topic":"a","epoch":"","offset":0,"events":[],"recovered":false}`, string(one))
	several, err := json.Marshal(topicwire.Subscribed{Topics: []topicwire.Result{{Topic: "a"}}})
	require.NoError(t, err)
	require.JSONEq(t, `{"topics":[{"topic":"a","epoch":"","offset":0,"recovered":false}]}`, string(several))
}
