package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/pattern"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/queue"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/oneline"
)

const (
	// atOnce is how many batches of a queue a function has at a time: that is what Lambda begins with.
	atOnce        = 5
	queueBatch    = 10 // the default size of a batch of a queue, and the most of one receive
	queuePolling  = 20 * time.Second
	streamBatch   = 100 // the default size of a batch of a stream
	maxEventBytes = 6 << 20
)

// startMappings begins to read the queues and streams that functions are mapped to.
func (c *Cloud) startMappings(ctx context.Context) {
	for _, m := range c.cfg.Project.Mappings {
		if m.Disabled {
			continue
		}
		if err := c.startMapping(ctx, m); err != nil {
			c.notice(fmt.Sprintf("the function %s gets nothing from %s: %v", m.Function, m.Source, err))
		}
	}
}

func (c *Cloud) startMapping(ctx context.Context, m project.Mapping) error {
	f := c.cfg.Project.Function(m.Function)
	if f == nil {
		return errors.New("the project has no such function")
	}
	filters, err := compileAll(m.Filters)
	if err != nil {
		return err
	}
	switch service, _ := splitARN(m.Source); service {
	case "sqs":
		if !c.queues.Exists(m.Source) {
			return errors.New("the project has no such queue")
		}
		c.startQueueMapping(&queueMapping{c: c, Mapping: m, f: f, filters: filters})
		return nil
	case "dynamodb":
		return c.startStreamMapping(ctx, m, f, filters)
	}
	return errors.New("gatesock dev reads queues of SQS and streams of DynamoDB only")
}

// filters are patterns of which one must match; none lets everything pass.
type filters []*pattern.Pattern

func compileAll(texts []json.RawMessage) (filters, error) {
	var all filters
	for _, text := range texts {
		p, err := pattern.Compile(text, pattern.Options{})
		if err != nil {
			return nil, fmt.Errorf("its filter %s: %w", oneline.Of(string(text), 100), err)
		}
		all = append(all, p)
	}
	return all, nil
}

func (f filters) pass(v any) bool {
	return len(f) == 0 || slices.ContainsFunc(f, func(p *pattern.Pattern) bool { return p.Match(v) })
}

// queueMapping hands the messages of a queue to a function.
type queueMapping struct {
	project.Mapping
	c       *Cloud
	f       *project.Function
	filters filters
}

func (c *Cloud) startQueueMapping(m *queueMapping) {
	if m.BatchSize <= 0 {
		m.BatchSize = queueBatch
	}
	c.spawn(m.run)
}

// run gathers one batch after the other, and leaves them to the function, until ctx ends.
func (m *queueMapping) run(ctx context.Context) {
	slots := make(chan struct{}, atOnce)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		batch, err := m.gather(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			m.c.notice(fmt.Sprintf("the function %s gets nothing from %s any more: %v", m.f.ID, m.Source, err))
			return
		}
		m.c.spawn(func(ctx context.Context) {
			defer func() { <-slots }()
			for len(batch) > 0 && ctx.Err() == nil {
				n := fitting(batch)
				m.process(ctx, batch[:n])
				batch = batch[n:]
			}
		})
	}
}

// gather waits for messages, and then as long as the window is open for more of them. It drops what
// the filters do not let pass.
func (m *queueMapping) gather(ctx context.Context) ([]queue.Message, error) {
	batch, err := m.receive(ctx, m.BatchSize, queuePolling)
	if err != nil || len(batch) == 0 {
		return nil, err
	}
	until := m.c.clock.Now().Add(m.Window)
	for len(batch) < m.BatchSize {
		left := until.Sub(m.c.clock.Now())
		if left <= 0 {
			break
		}
		more, err := m.receive(ctx, m.BatchSize-len(batch), min(left, queuePolling))
		if err != nil {
			return nil, err
		}
		batch = append(batch, more...)
	}
	return batch, nil
}

func (m *queueMapping) receive(ctx context.Context, most int, wait time.Duration) ([]queue.Message, error) {
	messages, err := m.c.queues.Receive(ctx, m.Source, queue.Receive{Most: min(most, queueBatch), Wait: &wait})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(messages, func(message queue.Message) bool {
		if m.filters.pass(filterable(message)) {
			return false
		}
		m.remove(message)
		return true
	}), nil
}

func (m *queueMapping) remove(message queue.Message) {
	_ = m.c.queues.Delete(m.Source, message.Receipt) // it may have become visible again meanwhile
}

// filterable returns what the filters of a queue see: the record, with a body that is parsed if it
// is JSON.
func filterable(message queue.Message) any {
	record, err := pattern.Decode(mustJSON(recordOf(message, "")))
	if err != nil {
		panic(err) // it was just marshaled
	}
	fields := record.(map[string]any)
	if body, err := pattern.Decode([]byte(message.Body)); err == nil {
		if _, text := body.(string); !text {
			fields["body"] = body
		}
	}
	return fields
}

// fitting returns how many messages of a batch fit into an event: one at least.
func fitting(batch []queue.Message) int {
	size := 0
	for i, message := range batch {
		size += queue.Size(message.Body, message.Attributes)
		if size > maxEventBytes && i > 0 {
			return i
		}
	}
	return len(batch)
}

// queueRecord is a message in an event of Lambda.
type queueRecord struct {
	MessageID         string                     `json:"messageId"`
	ReceiptHandle     string                     `json:"receiptHandle"`
	Body              string                     `json:"body"`
	Attributes        map[string]string          `json:"attributes"`
	MessageAttributes map[string]recordAttribute `json:"messageAttributes"`
	MD5OfBody         string                     `json:"md5OfBody"`
	MD5OfAttributes   string                     `json:"md5OfMessageAttributes,omitempty"`
	EventSource       string                     `json:"eventSource"`
	EventSourceARN    string                     `json:"eventSourceARN"`
	Region            string                     `json:"awsRegion"`
}

type recordAttribute struct {
	StringValue      string   `json:"stringValue,omitempty"`
	BinaryValue      []byte   `json:"binaryValue,omitempty"`
	StringListValues []string `json:"stringListValues"`
	BinaryListValues []string `json:"binaryListValues"`
	DataType         string   `json:"dataType"`
}

func recordOf(m queue.Message, arn string) queueRecord {
	attributes := make(map[string]recordAttribute)
	for name, a := range m.Attributes {
		attributes[name] = recordAttribute{a.StringValue, a.BinaryValue, []string{}, []string{}, a.DataType}
	}
	return queueRecord{
		MessageID: m.ID, ReceiptHandle: m.Receipt, Body: m.Body, Attributes: m.System, MessageAttributes: attributes,
		MD5OfBody: m.BodyMD5, MD5OfAttributes: queue.AttributesMD5(m.Attributes), EventSource: "aws:sqs", EventSourceARN: arn,
	}
}

// process invokes the function with messages and deletes those that are done. The others become
// visible again in their time, and go to the dead-letter queue in the end.
func (m *queueMapping) process(ctx context.Context, batch []queue.Message) {
	records := make([]queueRecord, len(batch))
	ids := make([]string, len(batch))
	attempts := 0
	for i, message := range batch {
		records[i] = recordOf(message, m.Source)
		records[i].Region = m.c.cfg.Project.Region
		ids[i] = message.ID
		n, _ := strconv.Atoi(message.System["ApproximateReceiveCount"]) // the queue's own number
		attempts = max(attempts, n)
	}
	begin := m.c.clock.Now()
	response, err := m.c.call(ctx, m.f, mustJSON(map[string]any{"Records": records}))
	if ctx.Err() != nil {
		return
	}
	failed := make(map[string]bool)
	if err == nil && m.ReportItemFailures {
		failed, err = itemFailures(response, ids)
	}
	for _, message := range batch {
		if err == nil && !failed[message.ID] {
			m.remove(message)
		}
	}
	if err == nil && len(failed) > 0 {
		err = fmt.Errorf("%d of %d messages failed", len(failed), len(batch))
	}
	_, name := splitARN(m.Source)
	m.c.log(Event{
		Time: begin, Kind: KindQueue, Source: name, Target: m.f.ID, Duration: m.c.clock.Now().Sub(begin), Err: err,
		Attempts: attempts, Records: len(batch), Text: oneline.Of(string(response), maxText),
	})
}

// itemFailures returns the identifiers that a function reports as failed, as
// ReportBatchItemFailures has it. An answer of another form, or with an identifier that the
// function did not get, is an error: then all have failed.
func itemFailures(response []byte, ids []string) (map[string]bool, error) {
	failed := make(map[string]bool)
	var answer *struct {
		Items *[]struct {
			ID *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if trimmed := bytes.TrimSpace(response); len(trimmed) == 0 || string(trimmed) == `""` {
		return failed, nil
	}
	if err := json.Unmarshal(response, &answer); err != nil {
		return nil, fmt.Errorf("the answer is not that of ReportBatchItemFailures: %w", err)
	}
	if answer == nil || answer.Items == nil {
		return failed, nil
	}
	for _, item := range *answer.Items {
		if item.ID == nil || !slices.Contains(ids, *item.ID) {
			return nil, errors.New("the answer reports an item that the function did not get")
		}
		failed[*item.ID] = true
	}
	return failed, nil
}
