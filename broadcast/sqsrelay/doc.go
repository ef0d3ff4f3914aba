// Package sqsrelay carries a broadcast on over an Amazon SQS queue: what a send has no time for goes to the queue in
// jobs, and other invocations of the function take them from there.
//
//	relay, err := sqsrelay.New(sqs.NewFromConfig(cfg), os.Getenv("FANOUT_QUEUE"))
//	if err != nil {
//		log.Fatal(err)
//	}
//	b := broadcast.New(client, store, broadcast.WithRelay(relay))
//	gatesock.Start(eventmux.New(eventmux.WebSocket(router), eventmux.SQS("relay", sqsrelay.Handler(b))))
//
// # The queue and the function
//
// The settings that this package needs, as an AWS SAM template:
//
//	Function:
//	  Type: AWS::Serverless::Function
//	  Properties:
//	    Timeout: 60
//	    RecursiveLoop: Allow # for more than 15 hops, see below
//	    Environment:
//	      Variables:
//	        FANOUT_QUEUE: !Ref Queue
//	    Policies:
//	      - Statement:
//	          - Effect: Allow
//	            Action: sqs:SendMessage
//	            Resource: !GetAtt Queue.Arn
//	    Events:
//	      Fanout:
//	        Type: SQS
//	        Properties:
//	          Queue: !GetAtt Queue.Arn
//	          BatchSize: 1
//	          FunctionResponseTypes: [ReportBatchItemFailures]
//	Queue:
//	  Type: AWS::SQS::Queue
//	  Properties:
//	    VisibilityTimeout: 360
//	    RedrivePolicy:
//	      deadLetterTargetArn: !GetAtt DeadLetters.Arn
//	      maxReceiveCount: 5
//	DeadLetters:
//	  Type: AWS::SQS::Queue
//	  Properties:
//	    MessageRetentionPeriod: 1209600
//
// What they are for:
//
//   - ReportBatchItemFailures: with it Lambda deletes from the queue what has not failed and leaves the rest. Without
//     it the answer of [Handler] is not read: the invocation has succeeded, and a job that failed is deleted and
//     lost (AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda").
//   - BatchSize 1: the jobs of a batch run one after another and share the time of one invocation. Those whose turn
//     does not come go back to the queue. They were received for nothing, and that may bring them to the
//     dead-letter queue.
//   - VisibilityTimeout: at least six times the function's Timeout (AWS Lambda Developer Guide, "Creating and
//     configuring an Amazon SQS event source mapping"). A shorter one lets a second invocation have a job that the
//     first still runs.
//   - The dead-letter queue gets the jobs that have failed maxReceiveCount times. It belongs to the queue, not to the
//     function. Without one, a job that can't be done comes back until the queue's retention period ends.
//   - The queue is a standard one. [New] refuses a FIFO queue, which would need a message group, has no delay for
//     single messages, and keeps an order that jobs do not have.
//   - IAM: sqs:SendMessage for the function that sends; SAM adds what the event source needs to receive. For a queue
//     that is encrypted with a key of your own, kms:GenerateDataKey and kms:Decrypt too.
//
// # Recursion
//
// A function that carries its own broadcast on is a loop to Lambda. It counts the invocations of a chain in what the
// SDK adds to a message, and after about 16 it stops the next: the job then fails until maxReceiveCount is reached, and
// goes to the dead-letter queue (AWS Lambda Developer Guide, "Use Lambda recursive loop detection to prevent infinite
// loops"). The default of broadcast.WithMaxHops stays below that. For larger groups raise it and set RecursiveLoop to
// Allow, which is a property of AWS::Serverless::Function and of AWS::Lambda::Function, and what the operation
// PutFunctionRecursionConfig sets. WithMaxHops is then what ends a loop.
//
// # What is promised
//
// A job that is not done stays in the queue or ends in the dead-letter queue, with everybody it is for in its cursor.
// To redrive jobs whose hops were used up, raise broadcast.WithMaxHops first.
//
// A job may be done twice: SQS may deliver a message more than once, and a job that failed in the middle begins from
// the start. Members that it had served then get the message again; clients that mind need an id in the message. In
// what [broadcast.MergeReports] makes of the reports, everybody is counted once.
package sqsrelay
