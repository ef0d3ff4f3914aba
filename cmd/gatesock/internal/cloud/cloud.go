package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/queue"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator"
)

// Config says what [Start] serves.
type Config struct {
	// Project has the resources. The caller must not change it while the cloud runs.
	Project *project.Project

	// Invoke invokes the function with an ID and returns its response. The error of a function that
	// has failed may have the method Payload() []byte, which returns the JSON that Lambda would have
	// returned: {"errorType","errorMessage","stackTrace"}. Other errors become such JSON with their
	// text and the type "Error". Invoke is called from many goroutines at a time, and its context ends
	// when the caller gives up or the cloud is closed.
	Invoke func(ctx context.Context, functionID string, payload []byte) ([]byte, error)

	// Dynamo is the URL of DynamoDB Local, such as [Dynamo.URL]; empty if there is none. Requests to
	// DynamoDB and to its streams go there, and the tables of the project are made there.
	Dynamo string

	// Parameters are the values of parameters of the Systems Manager, and Secrets those of secrets of
	// the Secrets Manager, by name. A secret is found by its ARN, too. Both may be nil.
	Parameters, Secrets map[string]string

	// Clock is the time of retries, queues and schedules; nil is the machine's.
	Clock emulator.Clock

	// Log is told what happens; it may be nil. Any goroutine may call it, and many at a time.
	Log func(Event)
}

// Kinds of events.
const (
	KindInvoke     = "invoke"      // a call of Lambda's Invoke by a program
	KindAsync      = "async"       // an asynchronous invocation, by a program or a service
	KindQueue      = "queue"       // messages of a queue to a function
	KindStream     = "stream"      // records of a table's stream to a function
	KindTopic      = "topic"       // a message of a topic to a subscription
	KindRule       = "rule"        // an event of a bus to a target of a rule
	KindSchedule   = "schedule"    // a schedule to its target
	KindOutcome    = "destination" // the outcome of an invocation to its destination
	KindDeadLetter = "dead-letter" // what could not be delivered to a dead-letter queue
	KindNotice     = "notice"      // a part of the project that is not served; Text says which
	KindRefused    = "refused"     // a request for what is not served; Text says which
)

// Event is something that happened: a delivery, successful or not, or a notice.
type Event struct {
	// Time is when it began.
	Time time.Time
	// Kind is one of the constants.
	Kind string
	// Source and Target are names or ARNs of resources: where it came from and where it went.
	Source, Target string
	// Duration is how long it took.
	Duration time.Duration
	// Err is why it failed; nil if it did not.
	Err error
	// Attempts is how often it was tried so far, from 1; 0 for notices.
	Attempts int
	// Records is how many messages or records it had; 0 if that means nothing.
	Records int
	// Text is a sentence for a notice, and the invocation's answer cut short for others, or empty.
	Text string
}

// Cloud is the services of AWS that a project uses, on this machine. It is an [http.Handler] for
// all of them. It is safe for concurrent use.
type Cloud struct {
	cfg     Config
	clock   emulator.Clock
	started time.Time

	rules                                 []*rule
	topics                                []*topic
	queues                                *queue.Service
	dynamo                                http.Handler // nil if there is none, as are tables and transport
	tables                                *dynamodb.Client
	transport                             *http.Transport
	events, secrets, sns, parameters, sts *api.Service

	ctx    context.Context //nolint:containedctx // the life of the goroutines that Start begins
	cancel context.CancelFunc

	mu       sync.Mutex // guards closed, the Add of running, and sequence
	closed   bool
	sequence uint64 // of FIFO topics
	running  sync.WaitGroup
}

// maxText is the most of an answer that an [Event] shows.
const maxText = 200

// Start makes the tables, queues, topics, buses and schedules of a project, and begins to deliver.
// Resources that are wrong or not served are told to cfg.Log and left out; an error means that
// nothing runs. The context bounds the start only.
func Start(ctx context.Context, cfg Config) (*Cloud, error) {
	if cfg.Project == nil || cfg.Invoke == nil {
		return nil, errors.New("cloud: a project and a way to invoke its functions are needed")
	}
	c := &Cloud{cfg: cfg, clock: cfg.Clock}
	if c.clock == nil {
		c.clock = systemClock{}
	}
	c.started = c.clock.Now()
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.queues = queue.New(queue.Config{
		Region: cfg.Project.Region, AccountID: cfg.Project.AccountID, Clock: c.clock, Refused: c.refused, Buried: c.buried,
	})
	c.serveOthers()
	c.serveTopics()
	c.serveBuses()
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

// Project returns the project, which nobody may change.
func (c *Cloud) Project() *project.Project { return c.cfg.Project }

// Close ends everything that Start has begun and waits for it, until ctx ends. Deliveries that are
// under way are cut off.
func (c *Cloud) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.stopSchedules()
	c.mu.Unlock()
	c.cancel()
	done := make(chan struct{})
	go func() {
		c.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		if c.transport != nil {
			c.transport.CloseIdleConnections()
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cloud: close: %w", ctx.Err())
	}
}

// start makes what the project has, and begins to deliver.
func (c *Cloud) start(ctx context.Context) error {
	c.createQueues()
	c.readTopics()
	c.readRules()
	if err := c.connectDynamo(ctx); err != nil {
		return err
	}
	c.startMappings(ctx)
	c.startSchedules()
	return nil
}

// createQueues makes the queues, dead-letter queues or not; that of another may come later.
func (c *Cloud) createQueues() {
	for _, q := range c.cfg.Project.Queues {
		if _, err := c.queues.Create(q.Name, q.Attributes, nil); err != nil {
			c.notice("the queue " + q.ID + " is not there: " + err.Error())
		}
	}
}

// buried logs that a message has gone to a dead-letter queue.
func (c *Cloud) buried(from, to string, receives int) {
	c.log(Event{
		Kind: KindDeadLetter, Source: from, Target: to, Attempts: receives, Records: 1,
		Text: "a message of " + from + " was received " + strconv.Itoa(receives) + " times and not deleted",
	})
}

// spawn runs f in a goroutine that Close waits for. After Close it does nothing.
func (c *Cloud) spawn(f func(ctx context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.running.Go(func() { f(c.ctx) })
}

// sleep waits until d has passed on the clock, or ctx ends.
func (c *Cloud) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	passed := make(chan struct{})
	timer := c.clock.AfterFunc(d, func() { close(passed) })
	defer timer.Stop()
	select {
	case <-passed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// log reports an event that began at e.Time, or now.
func (c *Cloud) log(e Event) {
	if c.cfg.Log == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = c.clock.Now()
	}
	c.cfg.Log(e)
}

// systemClock is the machine's clock, or that of a testing/synctest bubble.
type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) emulator.Timer { return time.AfterFunc(d, f) }
