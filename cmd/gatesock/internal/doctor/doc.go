// Package doctor compares a deployed application with its description.
//
// [Examine] reads the API, its functions, table and queue through the AWS SDK, and returns a
// [Report]: what is wrong, what happens because of it, and what to do. It changes nothing. What the
// caller may not read is a finding of the report, too.
package doctor
