// Package observe writes the metrics of an application to CloudWatch, and adds to the records of
// its log which event they belong to.
package observe
