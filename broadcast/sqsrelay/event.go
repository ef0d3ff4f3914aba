package sqsrelay

import (
	"encoding/json"
	"errors"
	"fmt"
)

// record is a message of an SQS event, with the members that are used here (AWS Lambda Developer
// Guide, "Using Lambda with Amazon SQS").
type record struct {
	MessageID  string          `json:"messageId"`
	Body       string          `json:"body"`
	Source     string          `json:"eventSource"`
	Attributes json.RawMessage `json:"attributes"`
}

// receives returns how often the message was received, for the log; empty if that is not known.
func (r record) receives() string {
	var attributes struct{ ApproximateReceiveCount any }
	_ = json.Unmarshal(r.Attributes, &attributes) // optional
	if attributes.ApproximateReceiveCount == nil {
		return ""
	}
	return fmt.Sprint(attributes.ApproximateReceiveCount)
}

// parseEvent fails if the event is not an SQS event, or a record has no message ID, without which
// it cannot be reported as failed.
func parseEvent(payload []byte) ([]record, error) {
	var event struct {
		Records *[]record `json:"Records"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("sqsrelay: not an SQS event: %w", err)
	}
	if event.Records == nil {
		return nil, errors.New("sqsrelay: not an SQS event: Records is missing")
	}
	for i, r := range *event.Records {
		switch {
		case r.Source != "aws:sqs":
			return nil, fmt.Errorf("sqsrelay: not an SQS event: record %d is from %q", i, r.Source)
		case r.MessageID == "":
			return nil, fmt.Errorf("sqsrelay: record %d of the SQS event has no messageId", i)
		}
	}
	return *event.Records, nil
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
