import type { PersonHere } from "../session/person.ts";

/** More faces than this become a number. */
const PEOPLE_SHOWN_MAX = 12;

/** Who is here, or was when the line broke; one of them may be the pane's own. */
export function PeopleList(props: {
  people: readonly PersonHere[];
  isOwn: (person: PersonHere) => boolean;
  here: boolean;
  testId: string;
}) {
  const { people, isOwn, here, testId } = props;
  const hidden = people.length - PEOPLE_SHOWN_MAX;
  return (
    <ul class="members" data-testid={testId} aria-label={here ? "Who is here" : "Who was here"}>
      {people.length === 0 && <li class="members-empty">Nobody here yet</li>}
      {people.slice(0, PEOPLE_SHOWN_MAX).map((person) => (
        <li key={person.id} class="member" data-hue={person.hue} data-user={person.user}>
          <i class="member-dot" />
          {person.name}
          {isOwn(person) && <span class="member-you">you</span>}
        </li>
      ))}
      {hidden > 0 && <li class="member">+{hidden}</li>}
    </ul>
  );
}
