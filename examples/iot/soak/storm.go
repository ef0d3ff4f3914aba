package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/examples/iot"
)

// stormTime is how long each disturbance takes.
const stormTime = 30 * time.Second

// storms disturbs the server, one way after the other, while devices report and dashboards watch.
// What those check must hold as before.
func (s *soak) storms(ctx context.Context) (problems []string, err error) {
	s.patience = min(s.patience, time.Minute)
	for i, storm := range []struct {
		name    string
		flags   []string
		disturb func(ctx context.Context) []string
	}{
		{"all devices reconnect at once", []string{"-storm", "10s"}, nil},
		{"a client of MQTT with wrong topics", nil, s.wrongTopics},
		{"a dashboard that subscribes to everything", nil, s.everything},
		{"replays at full speed", nil, s.replays},
		{"garbage at full speed", nil, s.garbage},
	} {
		begin := s.fleet(fmt.Sprintf("storm-%.3s", storm.name), s.devices, s.rate, append(storm.flags, "-prefix", fmt.Sprintf("storm%d-", i+1))...)
		wrong, err := s.phase(ctx, storm.name, stormTime, begin, true, storm.disturb)
		if err != nil {
			return problems, fmt.Errorf("%s: %w", storm.name, err)
		}
		for _, text := range wrong {
			problems = append(problems, storm.name+": "+text)
		}
	}
	return problems, nil
}

// wrongTopics publishes to what the client may not, as fast as it can. It connects again whenever
// the broker hangs up.
func (s *soak) wrongTopics(ctx context.Context) []string {
	address, err := url.Parse(s.at.Broker)
	if err != nil {
		return []string{err.Error()}
	}
	topics := []string{"globex/pump-1/readings", s.at.Tenant + "/x", "$SYS/x", s.at.Tenant + "/a/b/c/readings", "readings"}
	var published, hungUp, taken atomic.Int64
	for ctx.Err() == nil {
		c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + address.Host).SetClientID(s.at.Tenant + ".storm").
			SetPassword(s.at.Key).SetUsername("storm").SetAutoReconnect(false).
			SetConnectionLostHandler(func(mqtt.Client, error) { hungUp.Add(1) }))
		if token := c.Connect(); !token.WaitTimeout(20*time.Second) || token.Error() != nil {
			continue
		}
		for i := 0; ctx.Err() == nil && c.IsConnectionOpen(); i++ {
			qos := byte(0)
			if i%1000 == 999 {
				qos = 1
			}
			token := c.Publish(topics[i%len(topics)], qos, false, `{"seq":1,"at":"2026-01-02T15:04:05Z","values":{}}`)
			if token.WaitTimeout(10*time.Second) && token.Error() == nil && qos == 1 && c.IsConnectionOpen() {
				taken.Add(1)
			}
			published.Add(1)
		}
		c.Disconnect(0)
	}
	fmt.Printf("%d messages with wrong topics, %d times hung up\n", published.Load(), hungUp.Load())
	if published.Load() == 0 {
		return []string{"no wrong topic was published"}
	}
	return nil
}

// everything subscribes to all topics of the tenant, again and again, and to those of another
// tenant.
func (s *soak) everything(ctx context.Context) []string {
	var problems []string
	subscribed := 0
	for ctx.Err() == nil {
		c, err := dial(s.at) //nolint:contextcheck // it ends with Close
		if err != nil {
			return []string{err.Error()}
		}
		var open []*client.Subscription
		end, err := settled(ctx, s.at)
		for device := range end {
			topic := iot.HistoryTopic(s.at.Tenant, device)
			open = append(open, c.Subscribe(topic, client.WithLast(1000))) //nolint:contextcheck // as above
		}
		refused := 0
		for _, sub := range open {
			_, subErr := sub.Established(ctx)
			switch {
			case gatesock.CodeOf(subErr) == gatesock.CodeFailedPrecondition:
				refused++
			case subErr != nil && ctx.Err() == nil:
				problems = append(problems, subErr.Error())
			case subErr == nil:
				subscribed++
			}
		}
		if err == nil && ctx.Err() == nil && len(open) > topicsOfOne && refused == 0 {
			problems = append(problems, "a connection may have any number of topics")
		}
		other := c.Values(iot.DevicesTopic("globex"))
		if err := other.Ready(ctx); ctx.Err() == nil && gatesock.CodeOf(err) != gatesock.CodePermissionDenied {
			problems = append(problems, fmt.Sprintf("devices of another tenant: %v", err))
		}
		_ = c.Close()
	}
	fmt.Printf("%d subscriptions to histories\n", subscribed)
	if subscribed == 0 {
		problems = append(problems, "it could subscribe to nothing")
	}
	return problems
}

// replays sends one reading again and again.
func (s *soak) replays(ctx context.Context) []string {
	end, err := settled(ctx, s.at)
	if err != nil {
		return []string{err.Error()}
	}
	for _, d := range end {
		if d.Seq == 0 {
			continue
		}
		text, err := json.Marshal(iot.Report{Readings: []iot.Reading{{Device: d.ID, Seq: d.Seq, At: d.At, Values: d.Values}}})
		if err != nil {
			return []string{err.Error()}
		}
		return s.flood(ctx, "replays", text, func(status int, out iot.Outcome) bool {
			reason := iot.Reason("")
			if len(out.Refused) == 1 {
				reason = out.Refused[0].Reason
			}
			return status == http.StatusOK && out.Accepted == 0 &&
				(reason == iot.ReasonReplayed || reason == iot.ReasonRateLimited || reason == iot.ReasonOutOfOrder ||
					reason == iot.ReasonUnavailable || reason == iot.ReasonTooOld)
		})
	}
	return []string{"no device has a reading"}
}

// garbage sends what is not a report.
func (s *soak) garbage(ctx context.Context) []string {
	large := bytes.Repeat([]byte("x"), 200<<10)
	var all sync.WaitGroup
	var mu sync.Mutex
	var problems []string
	for _, text := range [][]byte{[]byte("{"), []byte(`{"readings":[1,null,{"seq":"a"},{"device":"nobody","seq":1}]}`), large} {
		all.Go(func() {
			wrong := s.flood(ctx, fmt.Sprintf("garbage %.10s", text), text, func(status int, out iot.Outcome) bool {
				return status/100 == 4 || status == http.StatusOK && out.Accepted == 0
			})
			mu.Lock()
			problems = append(problems, wrong...)
			mu.Unlock()
		})
	}
	all.Wait()
	return problems
}

// flood posts a body as fast as four connections can, and checks each answer.
func (s *soak) flood(
	ctx context.Context, name string, body []byte, good func(status int, out iot.Outcome) bool,
) []string {
	var sent, bad, failed atomic.Int64
	var last atomic.Value
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			transport := &http.Transport{DialContext: (&net.Dialer{}).DialContext, MaxIdleConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			for ctx.Err() == nil {
				status, out, err := s.post(ctx, &http.Client{Transport: transport}, body)
				switch {
				case err != nil:
					failed.Add(1)
				case !good(status, out):
					bad.Add(1)
					last.Store(fmt.Sprintf("%d %v", status, out))
				default:
					sent.Add(1)
				}
			}
		})
	}
	all.Wait()
	fmt.Printf("%s: %d refused, %d without an answer\n", name, sent.Load(), failed.Load())
	switch {
	case bad.Load() > 0:
		return []string{fmt.Sprintf("%s: %d answers are wrong, such as %v", name, bad.Load(), last.Load())}
	case sent.Load() == 0:
		return []string{name + ": nothing was sent"}
	}
	return nil
}

func (s *soak) post(ctx context.Context, h *http.Client, body []byte) (status int, out iot.Outcome, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.at.HTTP+"/readings", bytes.NewReader(body))
	if err != nil {
		return 0, out, err
	}
	r.Header.Set("X-Api-Key", s.at.Key)
	answer, err := h.Do(r)
	if err != nil {
		return 0, out, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, out, err
	}
	if answer.StatusCode == http.StatusOK {
		err = json.Unmarshal(text, &out)
	} else if !json.Valid(text) {
		err = errors.New("the answer is not JSON")
	}
	return answer.StatusCode, out, err
}
