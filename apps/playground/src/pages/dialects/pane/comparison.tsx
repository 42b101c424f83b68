import { DIALECTS } from "../model/dialects.ts";

/** What the five have in common, and in what they differ. */
export function Comparison() {
  return (
    <aside class="pane comparison" aria-label="The five wires compared">
      <p>
        <strong>The same document for all of them:</strong> one log on disk, one access rule, the same limits.
        Whatever is written over one wire arrives over the others, and what was written while a client was
        away is merged when it returns.
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Wire</th>
            <th scope="col">Bytes</th>
            <th scope="col">Cursors</th>
            <th scope="col">Saved</th>
          </tr>
        </thead>
        <tbody>
          {DIALECTS.map(({ name, client, bytes, cursors, saved }) => (
            <tr key={name}>
              <th scope="row">
                {name}
                <small>{client}</small>
              </th>
              <td>{bytes}</td>
              <td>{cursors}</td>
              <td>{saved}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </aside>
  );
}
