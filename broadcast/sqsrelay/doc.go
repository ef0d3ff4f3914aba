// Package sqsrelay hands off broadcasts through an Amazon SQS queue. What a send has no time for
// goes to the queue as jobs, and other invocations of the function do them.
//
//	relay, err := sqsrelay.New(sqs.NewFromConfig(cfg), os.Getenv("FANOUT_QUEUE"))
//	if err != nil {
//		log.Fatal(err)
//	}
//	b := broadcast.New(client, store, broadcast.WithRelay(relay))
//	gatesock.Start(eventmux.New(
//		eventmux.WebSocket(router),
//		eventmux.SQS("relay", sqsrelay.Handler(b)),
//	))
//
// # The queue and the function
//
// The settings that this package needs, as an AWS SAM template:
//
//	Function:
//	  Type: AWS::Serverless::Function
//	  Properties:
//	    Timeout: 60
//	    RecursiveLoop: Allow # only for more than 15 hops, see below
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
// Their purpose:
//
//   - ReportBatchItemFailures: Lambda keeps the messages in the queue that the response of
//     [Handler] names as failed. Without this setting it ignores the response, and deletes failed
//     jobs too (AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda").
//   - BatchSize 1: the jobs of a batch run one after another, and share the time of one invocation.
//     Those for which no time is left return to the queue. They have been received in vain, which
//     may get them into the dead-letter queue.
//   - VisibilityTimeout: at least six times the Timeout of the function (AWS Lambda Developer
//     Guide, "Creating and configuring an Amazon SQS event source mapping"). If it is shorter, a
//     second invocation may receive a job that still runs.
//   - The dead-letter queue gets the jobs that have failed maxReceiveCount times. It belongs to the
//     queue, not to the function. Without one, a job that cannot run returns until the retention
//     period of the queue ends.
//   - The queue is a standard queue. [New] refuses a FIFO queue: that needs message groups, has no
//     delay for single messages, and keeps an order that jobs do not have.
//   - IAM: the function needs sqs:SendMessage; SAM adds what the event source needs. A queue that
//     is encrypted with a key of your own also needs kms:GenerateDataKey and kms:Decrypt.
//
// # Recursion
//
// To Lambda, a function that hands off its own broadcast is a loop. Lambda counts the invocations
// of a chain, and stops it after about 16. The next job then fails until it gets into the
// dead-letter queue (AWS Lambda Developer Guide, "Use Lambda recursive loop detection to prevent
// infinite loops"). The default of [broadcast.WithMaxHops] stays below that limit.
//
// For larger groups, raise WithMaxHops and set RecursiveLoop to Allow. It is a property of
// AWS::Serverless::Function and of AWS::Lambda::Function; the API operation is
// PutFunctionRecursionConfig. WithMaxHops is then what ends a loop.
//
// # Guarantees
//
// A job that is not done stays in the queue or gets into the dead-letter queue, with all of its
// members in its cursor. Before you redrive jobs that were handed off too often, raise
// [broadcast.WithMaxHops].
//
// A job may run twice: SQS may deliver a message more than once, and a job that failed in the
// middle starts again from its beginning. Members that were served then get the message again. If
// that matters, put an ID into the message. [broadcast.MergeReports] counts every member once.
package sqsrelay
