package iot_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/wstest"
)

// gateway is an API whose connections are all gone.
type gateway struct{}

func (gateway) Post(context.Context, gatesock.Target, []byte) error { return nil }

func (gateway) Info(context.Context, gatesock.Target) (gatesock.ConnectionInfo, error) {
	return gatesock.ConnectionInfo{}, gatesock.ErrGone
}

func (gateway) Disconnect(context.Context, gatesock.Target) error { return gatesock.ErrGone }

// newTable returns a table for a test.
func newTable(t *testing.T) (*dynamodb.Client, string) {
	t.Helper()
	client, table := dynamotest.Local(t), "iot-"+rand.Text()
	require.NoError(t, dynamo.Open(client, table).CreateTable(t.Context()))
	return client, table
}

// The app on a table, and what a reading costs there.
func TestOnATable(t *testing.T) {
	t.Parallel()
	client, table := newTable(t)
	rec, clock := wstest.NewRecorder(), newClock()
	app, err := iot.NewOnTable(client, table, rec, iot.WithClock(clock.Now))
	require.NoError(t, err)
	w := newWorldOf(t, wstest.New(t, app.Handler(), wstest.WithPoster(rec)), app, clock)
	w.register("acme", "thermometer", "t-1", "t-2")
	device := w.device("acme", "t-1")
	require.Equal(t, iot.Outcome{Accepted: 1}, report(device, w.reading(1, 20)))
	// Writes: the bucket of the limit 1, the history 4, the device 1, the counter of its topic 1.
	// Reads: the device twice; groups and filters that are empty cost nothing here.
	w.AtMost(wstest.Budget{WriteUnits: 7, ReadUnits: 2, Posts: wstest.None}, func() {
		require.Equal(t, iot.Outcome{Accepted: 1}, report(device, w.reading(2, 20)))
	})

	out := report(device, w.reading(2, 20), w.reading(3, 99), w.reading(4, 20))
	require.Equal(t, 2, out.Accepted)
	require.Equal(t, []string{"2 replayed"}, reasons(out))
	ann := w.person("acme")
	require.Equal(t, iot.AlertCleared, values[iot.Alert](t, ann, "alerts:acme")["t-1/very-hot"].State)
	require.Equal(t, []string{"very-hot raised", "very-hot cleared"}, states(events[iot.Alert](t, ann, "alertlog:acme")))
	require.Len(t, events[iot.Reading](t, ann, "history:acme/t-1"), 4)
	require.EqualValues(t, 1, values[iot.Refusals](t, ann, "refusals:acme")["replayed"].Count)
	device.Close(1000, "")
	require.False(t, values[iot.Device](t, ann, "devices:acme")["t-1"].Online)
	w.watch()
}

// A sweep finds a connection that has ended without a trace, and its device is offline.
func TestASweepMarksDevicesOffline(t *testing.T) {
	t.Parallel()
	client, table := newTable(t)
	app, err := iot.NewOnTable(client, table, gateway{})
	require.NoError(t, err)
	anHourAgo := time.Now().Add(-time.Hour)
	db := dynamo.Open(client, table, dynamo.WithClock(func() time.Time { return anHourAgo }))
	require.NoError(t, db.Connections().Put(t.Context(), conn.Conn{ID: "gone", Attributes: map[string]string{
		conn.AuthorizerPrefix + "tenant": "acme", conn.AuthorizerPrefix + "device": "t-1",
	}}))
	device := func() (d iot.Device) {
		v, err := db.Topics().GetValue(t.Context(), "devices:acme", "t-1")
		require.NoError(t, err)
		return into[iot.Device](t, v.Data)
	}
	_, err = db.Topics().StoreValue(t.Context(), "devices:acme", "t-1", []byte(
		`{"id":"t-1","type":"thermometer","online":true,"session":"gone"}`))
	require.NoError(t, err)
	require.True(t, device().Online)
	_, err = app.Handler().Invoke(t.Context(), []byte(schedule("sweep")))
	require.NoError(t, err)
	require.False(t, device().Online)
}

func TestATableNeedsAName(t *testing.T) {
	t.Parallel()
	_, err := iot.NewOnTable(nil, "", wstest.NewRecorder())
	require.ErrorContains(t, err, "table name")
}
