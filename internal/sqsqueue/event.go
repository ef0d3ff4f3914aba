package sqsqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Record is a message of an SQS event (AWS Lambda Developer Guide, "Using Lambda with Amazon SQS").
type Record struct {
	MessageID     string
	ReceiptHandle string
	Body          string
	// Receives is about how often the message was received, this time included; 0 if the event does
	// not say it.
	Receives int
}

// record is the JSON of a Record.
type record struct {
	MessageID     string          `json:"messageId"`
	ReceiptHandle string          `json:"receiptHandle"`
	Body          string          `json:"body"`
	Source        string          `json:"eventSource"`
	Attributes    json.RawMessage `json:"attributes"`
}

// receives returns how often the message was received, and 0 for anything but a positive number.
func (r *record) receives() int {
	var attributes struct{ ApproximateReceiveCount any }
	_ = json.Unmarshal(r.Attributes, &attributes) // optional
	n, err := strconv.Atoi(fmt.Sprint(attributes.ApproximateReceiveCount))
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// Parse returns the messages of an event. It fails if the event is not an SQS event, or a record
// has no message ID, without which it cannot be reported as failed.
func Parse(payload []byte) ([]Record, error) {
	var event struct {
		Records *[]record `json:"Records"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("not an SQS event: %w", err)
	}
	if event.Records == nil {
		return nil, errors.New("not an SQS event: Records is missing")
	}
	records := make([]Record, len(*event.Records))
	for i, r := range *event.Records {
		switch {
		case r.Source != "aws:sqs":
			return nil, fmt.Errorf("not an SQS event: record %d is from %q", i, r.Source)
		case r.MessageID == "":
			return nil, fmt.Errorf("record %d of the SQS event has no messageId", i)
		}
		records[i] = Record{r.MessageID, r.ReceiptHandle, r.Body, r.receives()}
	}
	return records, nil
}

// answer names the messages that failed. Lambda deletes all others. An empty list means that all
// messages are done; there is no other form for that (AWS Lambda Developer Guide, "Handling errors
// for an SQS event source in Lambda").
type answer struct {
	Failures []failure `json:"batchItemFailures"`
}

type failure struct {
	MessageID string `json:"itemIdentifier"`
}

// Serve calls serve with the messages of an event, one after another, and returns the response that
// names those that failed. It calls failed for each of these, once also if the event has it twice.
func Serve(payload []byte, serve func(Record) error, failed func(Record, error)) ([]byte, error) {
	records, err := Parse(payload)
	if err != nil {
		return nil, err
	}
	out := answer{Failures: []failure{}}
	named := make(map[string]bool)
	for _, r := range records {
		if err := serve(r); err != nil && !named[r.MessageID] {
			named[r.MessageID] = true
			out.Failures = append(out.Failures, failure{r.MessageID})
			failed(r, err)
		}
	}
	return json.Marshal(out)
}

var errLate = errors.New("no time left in this invocation")

// CheckTime returns why no message should be served now, if so: there is less time than least. The
// first message of an event is served as long as there is any time: it would not have more of it
// when it is delivered again.
func CheckTime(ctx context.Context, first bool, least time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if deadline, limited := ctx.Deadline(); limited && !first && time.Until(deadline) < least {
		return errLate
	}
	return nil
}
