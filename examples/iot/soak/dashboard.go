package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/examples/iot/simulate/fleet"
)

// kind is a kind of dashboard.
type kind struct {
	name   string
	filter *filter // nil: none
	late   bool    // joins in the middle
	device bool    // shows one device, with its history
}

// filter is that of a subscription. Every is 0, or at most one push for each device in so many
// milliseconds.
type filter struct {
	Where map[string]any `json:"where,omitempty"`
	Every int            `json:"everyMs,omitempty"`
	// Changes are the attributes whose changes are pushed; the last value is that of the last change.
	Changes []string `json:"changes,omitempty"`

	match func(iot.Device) bool
}

func everything(iot.Device) bool { return true }

// kinds returns the dashboards of a soak, from which each gets one in turn.
func kinds() []kind {
	region := func(name string) *filter {
		return &filter{
			Where: map[string]any{"region": name}, match: func(d iot.Device) bool { return d.Region == name },
		}
	}
	of := func(name string) *filter {
		return &filter{Where: map[string]any{"type": name}, match: func(d iot.Device) bool { return d.Type == name }}
	}
	sampled := func(ms int) *filter { return &filter{Every: ms, match: everything} }
	warm := &filter{
		Where: map[string]any{"type": "thermometer", "value": map[string]any{"above": 22}},
		match: func(d iot.Device) bool { return d.Type == "thermometer" && d.Value != nil && *d.Value > 22 },
	}
	bad := &filter{
		Where: map[string]any{"status": []string{"warning", "alarm"}},
		match: func(d iot.Device) bool { return d.Status == iot.StatusWarning || d.Status == iot.StatusAlarm },
	}
	return []kind{
		{name: "all"},
		{name: "all, each second", filter: sampled(1000)},
		{name: "north", filter: region("north")},
		{name: "pumps", filter: of("pump")},
		{name: "warm", filter: warm},
		{name: "one device", device: true},
		{name: "all, late", late: true},
		{name: "all, twice a second", filter: sampled(500)},
		{name: "east", filter: region("east")},
		{name: "bad", filter: bad},
		{name: "all, every 5 s", filter: sampled(5000)},
		{name: "changes of the status", filter: &filter{Changes: []string{"status"}, match: everything}},
		{name: "vehicles", filter: of("vehicle")},
		{name: "south", filter: region("south")},
		{name: "all, each second", filter: sampled(1000)},
		{name: "one device, late", device: true, late: true},
		{name: "west", filter: region("west")},
		{name: "all, every 2 s", filter: sampled(2000)},
		{name: "meters", filter: of("meter")},
		{name: "all, each second, late", filter: sampled(1000), late: true},
	}
}

// board is a dashboard. It checks what it gets.
type board struct {
	kind

	number int
	client *client.Client
	values *client.Values
	done   sync.WaitGroup

	mu      sync.Mutex
	began   time.Time
	seen    map[string]*fleet.Ranges // numbers of readings, by device
	last    map[string]int64
	history fleet.Ranges // of one device
	device  string
	pushes  int64
	wrong   []string // what it must not get
}

// dial returns a client of a dashboard.
func dial(at addresses) (*client.Client, error) {
	return client.New(at.URL, client.WithLogger(slog.New(slog.DiscardHandler)),
		client.WithRequest(func(r *http.Request) error {
			r.Header.Set("X-Api-Key", at.Key)
			return nil
		}))
}

// open opens a dashboard. device is the one that it shows, if it shows one.
func open(ctx context.Context, at addresses, number int, k kind, device string) (*board, error) {
	c, err := dial(at) //nolint:contextcheck // it ends with Close
	if err != nil {
		return nil, err
	}
	b := &board{
		kind: k, number: number, client: c, began: time.Now(),
		seen: make(map[string]*fleet.Ranges), last: make(map[string]int64),
	}
	var options []client.ValuesOption
	switch {
	case k.device:
		b.device = device
		b.filter = &filter{Where: map[string]any{"id": device}, match: func(d iot.Device) bool { return d.ID == device }}
		options = append(options, client.WithFilter(b.filter))
	case k.filter != nil:
		options = append(options, client.WithFilter(k.filter))
	}
	b.values = c.Values(iot.DevicesTopic(at.Tenant), options...)
	if err := b.values.Ready(ctx); err != nil {
		return b, fmt.Errorf("dashboard %d, %s: %w", number, k.name, err)
	}
	b.done.Go(func() { b.follow(ctx) })
	if k.device {
		history := c.Subscribe(iot.HistoryTopic(at.Tenant, device), client.WithLast(50)) //nolint:contextcheck // as above
		if _, err := history.Established(ctx); err != nil {
			return b, fmt.Errorf("dashboard %d, %s: %w", number, k.name, err)
		}
		b.done.Go(func() { b.read(ctx, history) })
	}
	return b, nil
}

// follow checks each change.
func (b *board) follow(ctx context.Context) {
	for v, err := range b.values.Changes(ctx) {
		if err != nil {
			b.note(ctx, "values: %v", err)
			return
		}
		b.take(v)
	}
}

func (b *board) take(v client.Value) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pushes++
	if v.Gone {
		return
	}
	var d iot.Device
	switch err := json.Unmarshal(v.Data, &d); {
	case err != nil:
		b.wrong = append(b.wrong, err.Error())
	case b.filter != nil && !b.filter.match(d):
		b.wrong = append(b.wrong, fmt.Sprintf("%s does not match", d.ID))
	case d.Seq < b.last[d.ID]:
		b.wrong = append(b.wrong, fmt.Sprintf("%s went back from %d to %d", d.ID, b.last[d.ID], d.Seq))
	default:
		b.last[d.ID] = d.Seq
		if b.seen[d.ID] == nil {
			b.seen[d.ID] = new(fleet.Ranges)
		}
		b.seen[d.ID].Add(d.Seq)
	}
}

// read checks the history of one device.
func (b *board) read(ctx context.Context, history *client.Subscription) {
	for e, err := range history.Events(ctx) {
		var r iot.Reading
		switch {
		case err != nil:
			b.note(ctx, "history: %v", err)
			var lost *client.LostError
			if !errors.As(err, &lost) {
				return
			}
		case e.Decode(&r) == nil:
			b.mu.Lock()
			b.history.Add(r.Seq)
			b.mu.Unlock()
		}
	}
}

// note notes an error, unless it is the end.
func (b *board) note(ctx context.Context, format string, args ...any) {
	if ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
}

// unfiltered reports whether the dashboard must get every reading of the devices that it shows: it
// has no filter that leaves out some of them.
func (b *board) unfiltered() bool {
	if b.filter == nil {
		return true
	}
	_, byValue := b.filter.Where["value"]
	_, byStatus := b.filter.Where["status"]
	return b.filter.Every == 0 && b.filter.Changes == nil && !byValue && !byStatus
}

// check returns what is wrong with a dashboard, given what became of each reading and the last
// values; and how many readings it has missed. A dashboard that samples may learn the last values
// only by its next sync; lenient does not ask for them.
func (b *board) check(
	records []fleet.Record, end map[string]iot.Device, lenient bool,
) (problems []string, missed int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	problems = slices.Clone(b.wrong)
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, r := range records {
		d := end[r.Device]
		switch match := b.filter == nil || b.filter.match(d); {
		case b.device == r.Device && b.history == nil:
			wrong("the history of %s is empty", r.Device)
		case b.device == r.Device:
			if first := b.history[0][0]; missing(r, b.history.Tidy(), first, false) > 0 {
				wrong("the history of %s has gaps", r.Device)
			}
			fallthrough
		case match && b.unfiltered():
			seen := b.seen[r.Device]
			if seen == nil {
				wrong("nothing of %s", r.Device)
				continue
			}
			missed += missing(r, seen.Tidy(), (*seen)[0][0], true)
		}
	}
	// What a dashboard must have of a device in the end.
	last := func(d iot.Device) string {
		if b.filter != nil && b.filter.Changes != nil {
			return string(d.Status)
		}
		return strconv.FormatInt(d.Seq, 10)
	}
	got := make(map[string]string)
	for key, v := range b.values.All() {
		var d iot.Device
		if v.Decode(&d) == nil {
			got[key] = last(d)
		}
	}
	want := make(map[string]string)
	for id, d := range end {
		if b.filter == nil || b.filter.match(d) {
			want[id] = last(d)
		}
	}
	if samples := b.filter != nil && b.filter.Every > 0; !maps.Equal(got, want) && (!samples || !lenient) {
		wrong("the last values differ: %s", difference(got, want))
	}
	if b.filter != nil && b.filter.Every > 0 {
		// One more for each device: the state at the beginning. And one, because a push may have waited.
		most := int64(len(b.seen)) * (2 + int64(time.Since(b.began)/time.Millisecond)/int64(b.filter.Every))
		if b.pushes > most {
			wrong("%d pushes, at most %d", b.pushes, most)
		}
	}
	return problems, missed
}

// missing returns how many readings of a device, from a number on, are not among those that were
// seen.
func missing(r fleet.Record, seen fleet.Ranges, from int64, last bool) (n int64) {
	for _, set := range []fleet.Ranges{r.Accepted, r.Handed} {
		for _, part := range set {
			for seq := max(part[0], from); seq <= part[1]; seq++ {
				if !seen.Has(seq) && (!last || !r.Overtaken.Has(seq)) {
					n++
				}
			}
		}
	}
	return n
}

// difference says where two maps differ, for people.
func difference(got, want map[string]string) string {
	var parts []string
	for id, last := range want {
		if have := got[id]; have != last {
			parts = append(parts, fmt.Sprintf("%s has %q, want %q", id, have, last))
		}
	}
	for id := range got {
		if _, ok := want[id]; !ok {
			parts = append(parts, id+" should not be there")
		}
	}
	slices.Sort(parts)
	return fmt.Sprintf("%d, such as %v", len(parts), parts[:min(3, len(parts))])
}

// close closes the dashboard.
func (b *board) close() {
	_ = b.client.Close()
	b.done.Wait()
}
