package client

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/clientcore"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// Event is an event of a topic.
type Event struct {
	Topic string
	// Name is what happened, the member "event".
	Name string
	// Data is defined by the event. Do not change it.
	Data json.RawMessage
	// Position is where a [Subscription] with [WithSince] goes on after this event. Events that were
	// published together go together: all but the last one have the position before the first.
	Position Position
}

// Decode decodes the data into v, as [json.Unmarshal] does.
func (e Event) Decode(v any) error { return decode(e.Name, e.Data, v) }

// Subscription has the events of a topic. [Client.Subscribe] makes it. It is safe for concurrent
// use; of several iterations at the same time each gets a part of the events.
type Subscription struct {
	client *Client
	topic  string
	queue  queue[item]
	begun  once[Position]

	mu       sync.Mutex
	position *Position // of the last event that was yielded

	catchUp *catchUp           // while it has less than the topic; belongs to the loop
	end     context.CancelFunc // of it; nil if there was none
}

// item is what waits in the buffer of a subscription.
type item struct {
	event Event
	lost  *LostError
}

// Subscribe subscribes to a topic, from now on, or from where an option says. It does not wait for
// the server: [Subscription.Events] and [Subscription.Established] return the error if it refuses.
// Close the Subscription when it is not needed any more.
//
// All subscriptions to one topic share one membership. Another one begins with the next event that
// arrives; with [WithSince] or [WithLast] it catches up with the others by the topic's history.
//
// Subscribe panics if the topic is empty. A Subscription fails with the code failed_precondition if
// the topic has values, see [Client.Values], and with invalid_argument if the Position of
// [WithSince] is not valid.
func (c *Client) Subscribe(name string, opts ...SubscribeOption) *Subscription {
	mustName("Subscribe", name)
	var settings subscribeSettings
	for i, o := range opts {
		mustOption("Subscribe", i, o == nil)
		o.applySubscribe(&settings)
	}
	s := &Subscription{client: c, topic: name, position: settings.since}
	s.queue.limit = cmp.Or(settings.buffer, defaultBuffer)
	if settings.since != nil && !settings.since.isValid() {
		s.settle(gatesock.Errorf(gatesock.CodeInvalidArgument, "%+v is not a position", *settings.since))
		return s
	}
	o := topicOptions(settings)
	c.open(s, name, o, func(t *topic) {
		if t.isSet && (o.Since != nil || o.Last > 0 && (t.confirmed || o.Last != t.options.Last)) {
			c.catchUp(s, t, o)
		}
		t.subscriptions = append(t.subscriptions, s)
	})
	return s
}

func topicOptions(s subscribeSettings) clientcore.Options {
	o := clientcore.Options{Last: s.last}
	if s.since != nil {
		o.Since = wire(*s.since)
	}
	return o
}

func mustName(method, topic string) {
	if topic == "" {
		panic("client: Client." + method + ": the topic must not be empty")
	}
}

func mustOption(method string, i int, isNil bool) {
	if isNil {
		panic(fmt.Sprintf("client: Client.%s: option %d must not be nil", method, i))
	}
}

// Topic returns the name of the topic.
func (s *Subscription) Topic() string { return s.topic }

// Events yields the events of the topic, in order, each once, and waits for those to come:
//
//	for e, err := range s.Events(ctx) {
//		var lost *client.LostError
//		switch {
//		case errors.As(err, &lost):
//			reload() // and go on with the events that follow
//		case err != nil:
//			return err
//		default:
//			handle(e)
//		}
//	}
//
// A [*LostError] stands where events are missing, and the iteration goes on. Any other error ends
// it: a [*gatesock.Error] if the server refuses the subscription, now or later, [ErrSlowConsumer]
// after the events that were in the full buffer, [ErrClosed] if the client was closed, and that of
// ctx. After [Subscription.Close] it ends without an error.
//
// The end of an iteration does not end the subscription. Another one goes on after the last event
// that was yielded.
func (s *Subscription) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for i, err := range s.queue.all(ctx) {
			switch {
			case err != nil:
				yield(Event{}, err)
				return
			case i.lost != nil:
				s.moved(i.lost.Position)
				if !yield(Event{}, i.lost) {
					return
				}
			default:
				s.moved(i.event.Position)
				if !yield(i.event, nil) {
					return
				}
			}
		}
	}
}

func (s *Subscription) moved(to Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.position = &to
}

// Position returns where the iteration is: after the last event that was yielded or, before there
// was one, where the subscription has begun. It reports false before the server has confirmed the
// subscription. A later Subscription goes on there with [WithSince].
func (s *Subscription) Position() (Position, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.position == nil {
		return Position{}, false
	}
	return *s.position, true
}

// Established waits until the server has confirmed the subscription, and returns where it begins.
// From then on no event is missed. It returns an error as [Subscription.Events] does.
func (s *Subscription) Established(ctx context.Context) (Position, error) { return s.begun.wait(ctx) }

// Close ends the subscription and its iterations. It does not wait for the server.
func (s *Subscription) Close() {
	s.client.shut(s, s.topic, func(t *topic) { t.subscriptions = without(t.subscriptions, s) })
}

// take passes an entry on. It reports false if the subscription has ended, perhaps by that.
func (s *Subscription) take(e entry) bool {
	if s.catchUp != nil {
		return s.catchUp.hold(e)
	}
	return s.push(e)
}

func (s *Subscription) push(e entry) bool {
	for _, i := range e.items {
		if !s.queue.push(i) {
			return false
		}
	}
	return true
}

func (s *Subscription) settle(err error) {
	if s.end != nil {
		s.end()
	}
	s.queue.end(err)
	s.begun.fail(cmp.Or(err, ErrClosed))
}

func (s *Subscription) confirm(at Position) {
	if s.catchUp == nil {
		s.begin(at)
	}
}

func (s *Subscription) begin(at Position) {
	s.mu.Lock()
	if s.position == nil {
		s.position = &at
	}
	s.mu.Unlock()
	s.begun.set(at)
}

// Page is a part of the history of a topic.
type Page struct {
	// Events are in order, the oldest one first.
	Events []Event
	// More reports whether there are earlier events. In the page of the newest events it means that
	// there were some, which the log may not keep any more.
	More bool
	// Position is that of the first event: the page before this one ends there.
	Position Position
}

// History returns up to limit events before a position, or the newest ones if it is the zero
// Position. The limit 0 leaves the number to the server, which may return fewer in any case. It has
// no influence on what [Subscription.Events] yields. History waits until the subscription is
// established. An error with the code unavailable means that the connection is lost at the moment.
func (s *Subscription) History(ctx context.Context, before Position, limit int) (Page, error) {
	h := topicwire.History{Topic: s.topic, Limit: limit}
	if before == (Position{}) {
		h.Last = cmp.Or(limit, defaultPage)
	} else {
		h.Before = wire(before)
	}
	if _, err := s.Established(ctx); err != nil {
		return Page{}, err
	}
	p := &page{done: make(chan struct{})}
	ok := s.client.do(func(now time.Time) {
		if !s.client.ask(now, h, p) {
			p.settle(nil, &gatesock.Error{Code: gatesock.CodeUnavailable, Message: "there is no connection"})
		}
	})
	if !ok {
		return Page{}, ErrClosed
	}
	select {
	case <-p.done:
		return p.read(s.topic, h.Before == nil)
	case <-ctx.Done():
		return Page{}, ctx.Err()
	}
}

// ask asks for a part of the history. It reports false if that is not possible now.
func (c *Client) ask(now time.Time, h topicwire.History, p *page) bool {
	number, sent := c.machine.History(now, h)
	if sent {
		c.pages[number] = p
	}
	return sent
}

// defaultPage is how many of the newest events a page has.
const defaultPage = 50

// page is a request for a part of the history.
type page struct {
	done   chan struct{} // closed with the answer
	result *topicwire.Result
	err    error
}

func (p *page) settle(r *topicwire.Result, err error) {
	p.result, p.err = r, err
	close(p.done)
}

func (p *page) read(topic string, newest bool) (Page, error) {
	if p.err != nil {
		return Page{}, p.err
	}
	out := Page{More: p.result.More, Position: Position{Epoch: p.result.Epoch, Offset: p.result.Offset}}
	for _, e := range p.entries(topic) {
		for _, i := range e.items {
			out.Events = append(out.Events, i.event)
		}
	}
	if len(out.Events) > 0 {
		first := p.result.Events[0].Offset
		out.Position.Offset = first
		out.More = out.More || newest && first > 1
	}
	return out, nil
}

func (p *page) entries(topic string) []entry {
	all := make([]entry, 0, len(p.result.Events))
	for _, e := range p.result.Events {
		at := Position{Epoch: p.result.Epoch, Offset: e.Offset}
		before := Position{Epoch: p.result.Epoch, Offset: e.Offset - 1}
		parts := e.Events
		if parts == nil {
			parts = []topicwire.Item{{Event: e.Event, Data: e.Data}}
		}
		all = append(all, newEntry(topic, before, at, parts))
	}
	return all
}

// answered passes on the answer to a request for a part of the history.
func (c *Client) answered(a *clientcore.Action) {
	p := c.pages[a.Request]
	if p == nil {
		return
	}
	delete(c.pages, a.Request)
	if a.Result == nil {
		p.settle(nil, &gatesock.Error{Code: gatesock.Code(a.Code), Message: a.Text, RetryAfter: a.RetryAfter})
		return
	}
	p.settle(a.Result, nil)
}

// once is a value that is set once, or an error in its place.
type once[T any] struct {
	mu    sync.Mutex
	done  chan struct{}
	is    bool
	value T
	err   error
}

func (o *once[T]) channel() chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done == nil {
		o.done = make(chan struct{})
		if o.is {
			close(o.done)
		}
	}
	return o.done
}

func (o *once[T]) set(v T)        { o.finish(v, nil) }
func (o *once[T]) fail(err error) { var zero T; o.finish(zero, err) }

func (o *once[T]) finish(v T, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.is {
		return
	}
	o.is, o.value, o.err = true, v, err
	if o.done != nil {
		close(o.done)
	}
}

func (o *once[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-o.channel():
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.value, o.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}
