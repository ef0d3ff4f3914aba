package terraform

import (
	"fmt"
	"strconv"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
)

// deadLettersSuffix ends the name of a dead-letter queue.
const deadLettersSuffix = "-dead-letters"

func (w *writer) tables() {
	for _, t := range w.plan.Tables {
		w.heading("The table of "+t.Variable, "")
		w.file.comment("Terraform refuses to destroy or replace it, because nothing else has its contents. To destroy everything " +
			"else, make Terraform forget the table before:\n\n" +
			"   terraform state rm aws_dynamodb_table." + label(t.ID))
		w.resource("aws_dynamodb_table", label(t.ID), "the table of "+t.Variable, func(b *body) { table(b, &t) })
	}
}

func table(b *body, t *stack.Table) {
	b.set("name", named("-"+hyphenated(t.ID)))
	b.set("billing_mode", quote("PAY_PER_REQUEST"))
	b.set("hash_key", quote(t.PartitionKey))
	if t.SortKey != "" {
		b.set("range_key", quote(t.SortKey))
	}
	b.set("deletion_protection_enabled", "true")
	for _, name := range []string{t.PartitionKey, t.SortKey} {
		if name != "" {
			b.block("attribute", func(b *body) {
				b.set("name", quote(name))
				b.set("type", quote("S"))
			})
		}
	}
	if t.TimeToLive != "" {
		b.comment("Without it nothing expires, and the table grows for ever.")
		b.block("ttl", func(b *body) {
			b.set("attribute_name", quote(t.TimeToLive))
			b.set("enabled", "true")
		})
	}
	if t.Stream {
		b.comment("A function reads the changes of the table.")
		b.set("stream_enabled", "true")
		b.set("stream_view_type", quote("NEW_AND_OLD_IMAGES"))
	}
	b.block("point_in_time_recovery", func(b *body) { b.set("enabled", "true") })
	b.block("lifecycle", func(b *body) { b.set("prevent_destroy", "true") })
}

func (w *writer) queues() {
	for _, q := range w.plan.Queues {
		w.heading("The queue of "+q.Variable, "")
		name, what := label(q.ID), "the queue of "+q.Variable
		w.resource("aws_sqs_queue", name, what, func(b *body) { queue(b, &q) })
		w.file.comment(fmt.Sprintf("What failed %d times, for 14 days.", q.Receives))
		w.resource("aws_sqs_queue", name+"_dead_letters", what, func(b *body) {
			b.set("name", named("-"+hyphenated(q.ID)+deadLettersSuffix))
			b.set("message_retention_seconds", strconv.Itoa(q.Retention))
		})
	}
}

func queue(b *body, q *stack.Queue) {
	if q.Name == "" {
		b.set("name", named("-"+hyphenated(q.ID)))
	} else {
		b.comment("The program recognizes the queue by its name, so a Region can have one such deployment.")
		b.set("name", quote(q.Name))
	}
	b.comment("At least six times the timeout of the function that reads the queue (AWS Lambda Developer Guide, " +
		`"Creating and configuring an Amazon SQS event source mapping").`)
	b.set("visibility_timeout_seconds", strconv.Itoa(q.Visibility))
	b.set("redrive_policy", "jsonencode("+object(func(b *body) {
		b.set("deadLetterTargetArn", "aws_sqs_queue."+label(q.ID)+"_dead_letters.arn")
		b.set("maxReceiveCount", strconv.Itoa(q.Receives))
	})+")")
}
