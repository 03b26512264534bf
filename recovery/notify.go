package recovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The defaults of zero NotifyOptions.
const (
	DefaultGroupWait     = 30 * time.Second
	DefaultReminder      = 4 * time.Hour
	DefaultNotifyTimeout = 10 * time.Second
	DefaultNotifyTries   = 8
)

// outboxSize bounds what waits for one notifier; when it is full the oldest message goes.
const outboxSize = 256

// flushPatience is how long the end of Run, or a Reconcile without Run, waits for messages on their way.
const flushPatience = 10 * time.Second

// Notifier tells somebody. Notify is called for one Notifier from one goroutine at a time, never from the loop; an error is retried. An event can
// speak of several connectors: Count and Names say which.
type Notifier interface {
	Notify(ctx context.Context, e Event) error
}

// Resender is what a Notifier also implements when its receiver forgets what is not repeated.
type Resender interface {
	// Resend is how often an active event is sent again instead of NotifyOptions.Reminder.
	Resend() time.Duration
}

// NotifyOptions tunes how Notifiers are called. Its zero value is usable.
type NotifyOptions struct {
	// Kinds are the events that people are told of, each with its end where it has one. Defaults to what needs a person (exhausted, held), what
	// looks wrong without failing (flapping, stuck, ghost, no_progress), and what blinds the supervisor (blind, sweep_failed, store_failed, storm).
	Kinds []EventKind
	// GroupWait is how long a first event waits for others of its kind and fingerprint, which become one message. What ends within it is never told. Defaults to 30 s.
	GroupWait time.Duration
	// Reminder is how often what is still active is told again; negative means never. Defaults to 4 h.
	Reminder time.Duration
	// Timeout bounds one call of a Notifier. Defaults to 10 s.
	Timeout time.Duration
	// Tries bounds the calls for one message; the pause between them doubles from 1 s to 1 min. Defaults to 8.
	Tries int
}

func (o NotifyOptions) withDefaults() (NotifyOptions, error) {
	var errs []error
	if o.GroupWait < 0 {
		errs = append(errs, fmt.Errorf("recovery: Config.Notify.GroupWait is %v: use a positive duration, or zero for %v", o.GroupWait, DefaultGroupWait))
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("recovery: Config.Notify.Timeout is %v: use a positive duration, or zero for %v", o.Timeout, DefaultNotifyTimeout))
	}
	if o.Tries < 0 {
		errs = append(errs, fmt.Errorf("recovery: Config.Notify.Tries is %d: use 1 or more, or zero for %d", o.Tries, DefaultNotifyTries))
	}
	if len(errs) > 0 {
		return o, errors.Join(errs...)
	}
	if o.Kinds == nil {
		o.Kinds = []EventKind{
			EventExhausted, EventHeld, EventFlapping, EventStuck, EventGhost, EventNoProgress, EventBlind, EventSweepFailed, EventStoreFailed, EventStorm,
		}
	}
	o.Kinds = slices.Clone(o.Kinds)
	o.GroupWait = orDuration(o.GroupWait, DefaultGroupWait)
	o.Reminder = orDuration(o.Reminder, DefaultReminder)
	o.Timeout = orDuration(o.Timeout, DefaultNotifyTimeout)
	o.Tries = orInt(o.Tries, DefaultNotifyTries)
	return o, nil
}

// lasting are the kinds that stay true until something ends them; the others are told once.
func (k EventKind) lasting() bool {
	switch k {
	case EventExhausted, EventHeld, EventFailed, EventBlind, EventSweepFailed, EventStoreFailed, EventStorm, EventGhost, EventNoProgress:
		return true
	default:
		return false
	}
}

// ends lists the kinds that an event ends.
func (k EventKind) ends() []EventKind {
	switch k {
	case EventRecovered, EventAcknowledged:
		return []EventKind{EventExhausted, EventHeld, EventFailed}
	case EventGone, EventUnwatched:
		return []EventKind{EventExhausted, EventHeld, EventFailed, EventNoProgress}
	case EventRearmed, EventReleased:
		return []EventKind{EventExhausted, EventHeld}
	case EventSweepRecovered:
		return []EventKind{EventBlind, EventSweepFailed}
	case EventStoreRecovered:
		return []EventKind{EventStoreFailed}
	case EventStormOver:
		return []EventKind{EventStorm}
	case EventGhostOver:
		return []EventKind{EventGhost}
	case EventProgress:
		return []EventKind{EventNoProgress}
	default:
		return nil
	}
}

// alertKey is what makes two events the same news.
type alertKey struct {
	connector, fingerprint string
	kind                   EventKind
}

// alert is news that is told, or will be.
type alert struct {
	event Event
	sent  []time.Time // per outbox; zero = not yet
	ended *Event      // set when it is over and that is still to be told
}

// courier groups events and hands messages to outboxes. It never blocks its caller.
type courier struct {
	opts  NotifyOptions
	quiet func(connector string, now time.Time) bool

	mu     sync.Mutex
	alerts map[alertKey]*alert
	first  time.Time // of what waits to be grouped
	boxes  []*outbox
	wake   chan struct{}

	delivered atomic.Int64 // messages
}

func newCourier(cfg *Config) *courier {
	c := &courier{opts: cfg.Notify, quiet: cfg.Maintenance, alerts: map[alertKey]*alert{}, wake: make(chan struct{}, 1)}
	for _, n := range cfg.Notifiers {
		b := &outbox{n: n, opts: cfg.Notify, wake: make(chan struct{}, 1), every: cfg.Notify.Reminder, delivered: &c.delivered}
		if r, ok := n.(Resender); ok && r.Resend() > 0 {
			b.every = r.Resend()
		}
		c.boxes = append(c.boxes, b)
	}
	return c
}

// take notes an event.
func (c *courier) take(e Event) {
	if len(c.boxes) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, kind := range e.Kind.ends() {
		for key, a := range c.alerts {
			if key.kind != kind || key.connector != e.Connector || a.ended != nil || (e.Kind == EventStormOver || e.Kind == EventGhostOver) && key.fingerprint != e.Fingerprint {
				continue
			}
			if !slices.ContainsFunc(a.sent, func(t time.Time) bool { return !t.IsZero() }) {
				delete(c.alerts, key) // never told, so neither is its end
				continue
			}
			end := e
			a.ended = &end
			c.due(e.Time)
		}
	}
	if !slices.Contains(c.opts.Kinds, e.Kind) {
		return
	}
	key := alertKey{e.Connector, e.Fingerprint, e.Kind}
	if a, ok := c.alerts[key]; ok && a.ended == nil {
		return
	}
	c.alerts[key] = &alert{event: e, sent: make([]time.Time, len(c.boxes))}
	c.due(e.Time)
}

// adopt notes an alert that was told before this process began, so that reminders and its end follow.
func (c *courier) adopt(e Event, now time.Time) {
	if len(c.boxes) == 0 || !slices.Contains(c.opts.Kinds, e.Kind) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := alertKey{e.Connector, e.Fingerprint, e.Kind}
	if _, ok := c.alerts[key]; ok {
		return
	}
	a := &alert{event: e}
	for _, b := range c.boxes {
		at := e.Time
		if b.every > 0 && now.After(at) {
			at = now.Add(-now.Sub(at) % b.every)
		}
		a.sent = append(a.sent, at)
	}
	c.alerts[key] = a
}

func (c *courier) due(at time.Time) {
	if c.first.IsZero() {
		c.first = at
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// message is one event for one outbox, made of several.
type bundleKey struct {
	kind, resolves EventKind
	fingerprint    string
	reminder       bool
}

// round hands over what is due at now and says when to come again; zero means when something happens.
func (c *courier) round(now time.Time, force bool) (next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	grouped := !c.first.IsZero() && (force || !now.Before(c.first.Add(c.opts.GroupWait)))
	soon := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if !c.first.IsZero() && !grouped {
		soon(c.first.Add(c.opts.GroupWait))
	}
	if grouped {
		c.first = time.Time{}
	}
	for i, b := range c.boxes {
		bundles := map[bundleKey][]Event{}
		for _, a := range c.alerts {
			e := a.event
			fresh := a.sent[i].IsZero()
			if c.quiet != nil && e.Connector != "" && c.quiet(e.Connector, now) {
				if fresh || a.ended != nil {
					c.first = cmp.Or(c.first, now)
					soon(now.Add(c.opts.GroupWait))
				}
				continue
			}
			switch {
			case a.ended != nil:
				if !grouped || fresh {
					continue
				}
				end := *a.ended
				end.Resolved, end.Resolves, end.Since = true, e.Kind, e.Time
				end.Class, end.Fingerprint, end.Summary, end.Remedies = e.Class, e.Fingerprint, e.Summary, nil
				key := bundleKey{end.Kind, e.Kind, e.Fingerprint, false}
				bundles[key] = append(bundles[key], end)
			case fresh:
				if !grouped {
					continue
				}
				key := bundleKey{e.Kind, "", e.Fingerprint, false}
				bundles[key] = append(bundles[key], e)
				a.sent[i] = now
			case e.Kind.lasting() && b.every > 0:
				if due := a.sent[i].Add(b.every); now.Before(due) {
					soon(due)
					continue
				}
				e.Reminder, e.Since = true, e.Time
				key := bundleKey{e.Kind, "", e.Fingerprint, true}
				bundles[key] = append(bundles[key], e)
				a.sent[i] = now
			}
			if e.Kind.lasting() && b.every > 0 && a.ended == nil {
				soon(now.Add(b.every))
			}
		}
		for _, events := range bundles {
			b.put(bundle(events))
		}
	}
	if grouped {
		for key, a := range c.alerts {
			if a.ended != nil && (c.quiet == nil || a.event.Connector == "" || !c.quiet(a.event.Connector, now)) || !a.event.Kind.lasting() && !slices.ContainsFunc(a.sent, time.Time.IsZero) {
				delete(c.alerts, key)
			}
		}
	}
	return next
}

// bundle makes one event of several of one kind and fingerprint.
func bundle(events []Event) Event {
	slices.SortFunc(events, func(a, b Event) int { return strings.Compare(a.Connector, b.Connector) })
	e := events[0]
	if len(events) == 1 {
		return e
	}
	e.Names, e.Count = make([]string, 0, len(events)), len(events)
	for _, one := range events {
		e.Names = append(e.Names, one.Connector)
		if one.Time.Before(e.Time) {
			e.Time = one.Time
		}
		if !one.Since.IsZero() && one.Since.Before(e.Since) {
			e.Since = one.Since
		}
	}
	e.Connector = someNames(e.Names)
	e.Tasks, e.Type, e.NextAttempt, e.Attempt, e.Restarts, e.BudgetLeft = nil, "", time.Time{}, 0, 0, 0
	what := string(e.Kind)
	if e.Kind == EventExhausted || e.Kind == EventHeld {
		what += ", a person is needed"
	}
	e.Message = fmt.Sprintf("%d connectors (%s): %s", len(events), e.Connector, what)
	if e.Summary != "" && !e.Resolved {
		e.Message += ": " + e.Summary
	}
	return e
}

// someNames joins the first few names.
func someNames(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// run delivers until ctx ends, and then what is ready, for a short while.
func (c *courier) run(ctx context.Context, log func(err error)) {
	if len(c.boxes) == 0 {
		<-ctx.Done()
		return
	}
	var wg sync.WaitGroup
	for _, b := range c.boxes {
		wg.Go(func() { b.run(ctx, log) })
	}
	for ctx.Err() == nil {
		next := c.round(time.Now(), false)
		pause := time.Hour
		if !next.IsZero() {
			pause = max(0, time.Until(next))
		}
		wait(ctx, pause, c.wake)
	}
	wg.Wait()
	fctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushPatience)
	defer cancel()
	c.flush(fctx, log)
}

// flush delivers what waits, without grouping further, one try each.
func (c *courier) flush(ctx context.Context, log func(err error)) {
	if len(c.boxes) == 0 {
		return
	}
	c.round(time.Now(), true)
	var wg sync.WaitGroup
	for _, b := range c.boxes {
		wg.Go(func() {
			for e, ok := b.get(); ok && ctx.Err() == nil; e, ok = b.get() {
				if err := b.once(ctx, e); err != nil {
					log(err)
				}
			}
		})
	}
	wg.Wait()
}

// outbox is the queue of one notifier.
type outbox struct {
	n     Notifier
	opts  NotifyOptions
	every time.Duration
	wake  chan struct{}

	delivered *atomic.Int64

	mu    sync.Mutex
	queue []Event
}

func (b *outbox) put(e Event) {
	b.mu.Lock()
	if len(b.queue) >= outboxSize {
		b.queue = slices.Delete(b.queue, 0, 1)
	}
	b.queue = append(b.queue, e)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *outbox) get() (Event, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		return Event{}, false
	}
	e := b.queue[0]
	b.queue = slices.Delete(b.queue, 0, 1)
	return e, true
}

func (b *outbox) run(ctx context.Context, log func(err error)) {
	for ctx.Err() == nil {
		e, ok := b.get()
		if !ok {
			select {
			case <-ctx.Done():
			case <-b.wake:
			}
			continue
		}
		pause := time.Second
		for try := 1; ; try++ {
			err := b.once(ctx, e)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				b.mu.Lock()
				b.queue = slices.Insert(b.queue, 0, e) // for the flush
				b.mu.Unlock()
				return
			}
			var final *finalError
			if try >= b.opts.Tries || errors.As(err, &final) {
				log(fmt.Errorf("recovery: a notification about %s was given up after %d tries: %w", e.Kind, try, err))
				break
			}
			wait(ctx, pause, nil)
			pause = min(2*pause, time.Minute)
		}
	}
}

// once calls the notifier. A call on its way when Run ends may finish, within its time-out. A notifier that ignores its context is left behind after
// the time-out, so that nothing waits for it.
func (b *outbox) once(ctx context.Context, e Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.opts.Timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- b.n.Notify(ctx, e) }()
	select {
	case err := <-done:
		if err == nil {
			b.delivered.Add(1)
		}
		return err
	case <-ctx.Done():
		select {
		case err := <-done:
			return err
		default:
			return fmt.Errorf("recovery: no answer within %v: %w", b.opts.Timeout, ctx.Err())
		}
	}
}

// finalError is not worth another try.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }
